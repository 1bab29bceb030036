//! Frames, rotations, poses, the projection chain of a tilt image, symmetry groups and samplings of SO(3).
