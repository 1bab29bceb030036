//! Readers and writers of pixel containers: MRC, TIFF, EER, EM, DM, npy.
