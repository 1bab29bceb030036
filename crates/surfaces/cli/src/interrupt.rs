//! Ctrl-C and SIGTERM: the first asks the run to stop, the second ends the process at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;

use crate::exit::{Exit, Failure, Outcome};

/// The signals are taken over once.
static INSTALLED: OnceLock<Interrupt> = OnceLock::new();

/// Whether somebody asked this process to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes over the signals, for the rest of the process' life.
    pub(crate) fn install() -> Outcome<Self> {
        if let Some(installed) = INSTALLED.get() {
            return Ok(installed.clone());
        }
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
        // What clusters send before the time is up.
        flag::register(SIGUSR1, asked.0.clone())
            .map_err(|e| Failure::new(Exit::Internal, format!("cannot listen to signals: {e}")))?;
        Ok(INSTALLED.get_or_init(|| asked).clone())
    }

    /// True once somebody asked.
    pub(crate) fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
