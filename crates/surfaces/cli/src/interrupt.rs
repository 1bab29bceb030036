//! Ctrl-C and SIGTERM: the first asks the run to stop, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit::{Exit, Failure, Outcome};

/// Whether somebody asked this process to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over the signals, for the rest of the process' life.
    pub(crate) fn install() -> Outcome<Self> {
        let asked = Self::default();
        for signal in [SIGINT, SIGTERM] {
            let code = i32::from(Exit::Cancelled.code());
            // In this order: a first signal finds the flag down, and raises it.
            flag::register_conditional_shutdown(signal, code, asked.0.clone())
                .and_then(|_| flag::register(signal, asked.0.clone()))
                .map_err(|e| {
                    Failure::new(Exit::Internal, format!("cannot listen to signals: {e}"))
                })?;
        }
        Ok(asked)
    }

    /// True once somebody asked.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
