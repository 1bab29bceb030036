//! How the progress bar looks.

use indicatif::{ProgressState, ProgressStyle};

use crate::text;

/// Prefix, bar, percentage, time, and what is being worked on.
pub(super) fn style(colours: bool) -> ProgressStyle {
    let bar = if colours {
        "{bar:20.cyan/dim}"
    } else {
        "{bar:20}"
    };
    ProgressStyle::with_template(&format!(
        "{{prefix}} {bar} {{percent:>3}}% {{left}} {{wide_msg}}"
    ))
    .expect("the template is fixed")
    .progress_chars("━╸─")
    .with_key(
        "left",
        |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // Nothing sensible is left to do when the screen itself fails.
            let _ = out.write_str(&time_left(
                state.elapsed().as_secs_f64(),
                f64::from(state.fraction()),
            ));
        },
    )
}

/// Time since the start, and what is left once that can be told.
fn time_left(elapsed: f64, fraction: f64) -> String {
    if elapsed < 5.0 || fraction < 0.02 {
        return text::duration(elapsed);
    }
    let left = elapsed * (1.0 - fraction) / fraction;
    format!("{}, {} left", text::duration(elapsed), text::duration(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_once_it_is_known() {
        assert_eq!(time_left(3.0, 0.5), "3.0 s");
        assert_eq!(time_left(30.0, 0.25), "30 s, 1 min 30 s left");
    }
}
