//! Files of AreTomo, AreTomo2 and AreTomo3: alignment `.aln`. Its `_CTF.txt` reads with [`crate::ctffind`],
//! `TiltSeries_Metrics.csv` with [`crate::text_table`], `_Imod/order_list.csv` with [`crate::relion_text`].

pub mod alignment;
