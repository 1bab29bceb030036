//! Small text files RELION imports: tilt orders (`.order`, `order_list.csv`) and coordinates (`.coords`).

pub mod coordinates;
pub mod tilt_order;
