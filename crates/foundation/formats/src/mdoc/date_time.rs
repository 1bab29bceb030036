//! Date and time of an image: `15-May-24  16:56:54` (SerialEM to 4.1) or `14-Apr-2024  17:54:24` (later, and
//! Tomography 5). Local time of the microscope; no time zone is known.

use std::fmt;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
/// Two-digit years from here on belong to the last century.
const CENTURY_TURN: u16 = 70;

/// Local date and time of a microscope computer; orders by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    /// Four-digit year.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60.
    pub second: u8,
}

impl DateTime {
    /// Reads `dd-Mon-yy hh:mm:ss` or `dd-Mon-yyyy hh:mm:ss`; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (date, time) = (words.next()?, words.next()?);
        let mut parts = date.split('-');
        let day = parts.next()?.parse().ok()?;
        let month = parts.next()?;
        let month = MONTHS
            .iter()
            .position(|name| name.eq_ignore_ascii_case(month))? as u8
            + 1;
        let year_text = parts.next()?;
        let year: u16 = year_text.parse().ok()?;
        let year = match year_text.len() {
            2 if year >= CENTURY_TURN => 1900 + year,
            2 => 2000 + year,
            4 => year,
            _ => return None,
        };
        let mut clock = time.split(':').map(|part| part.parse::<u8>().ok());
        let (hour, minute, second) = (
            clock.next()??,
            clock.next()??,
            clock.next().flatten().unwrap_or(0),
        );
        let plausible = (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        (plausible && parts.next().is_none() && words.next().is_none()).then_some(Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        })
    }

    /// Seconds from 1970-01-01 00:00:00 in the same local time; for differences between images.
    pub fn seconds(&self) -> i64 {
        // Days of the proleptic Gregorian calendar, counted from March so that leap days come last.
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let shifted_year = if month <= 2 { year - 1 } else { year };
        let shifted_month = (month + 9) % 12;
        let days = 365 * shifted_year + shifted_year / 4 - shifted_year / 100
            + shifted_year / 400
            + (153 * shifted_month + 2) / 5
            + i64::from(self.day)
            - 1
            - 719_468;
        days * 86_400
            + i64::from(self.hour) * 3600
            + i64::from(self.minute) * 60
            + i64::from(self.second)
    }
}

/// `14-Apr-2024  17:54:24`, as SerialEM 4.1 writes.
impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = MONTHS[usize::from(self.month.clamp(1, 12)) - 1];
        let Self {
            year,
            day,
            hour,
            minute,
            second,
            ..
        } = self;
        write!(
            f,
            "{day:02}-{month}-{year:04}  {hour:02}:{minute:02}:{second:02}"
        )
    }
}
