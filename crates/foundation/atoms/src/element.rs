//! Chemical elements: symbols, atomic numbers and standard atomic weights.
//!
//! Weights in daltons: IUPAC abridged standard atomic weights 2021; for elements without a stable
//! isotope the mass number of the longest-lived one.
use std::fmt;
use std::str::FromStr;

/// A chemical element by atomic number (1 for hydrogen to 118).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element(u8);

const TABLE: [(&str, f32); 118] = [
    ("H", 1.008),
    ("He", 4.0026),
    ("Li", 6.94),
    ("Be", 9.0122),
    ("B", 10.81),
    ("C", 12.011),
    ("N", 14.007),
    ("O", 15.999),
    ("F", 18.998),
    ("Ne", 20.180),
    ("Na", 22.990),
    ("Mg", 24.305),
    ("Al", 26.982),
    ("Si", 28.085),
    ("P", 30.974),
    ("S", 32.06),
    ("Cl", 35.45),
    ("Ar", 39.95),
    ("K", 39.098),
    ("Ca", 40.078),
    ("Sc", 44.956),
    ("Ti", 47.867),
    ("V", 50.942),
    ("Cr", 51.996),
    ("Mn", 54.938),
    ("Fe", 55.845),
    ("Co", 58.933),
    ("Ni", 58.693),
    ("Cu", 63.546),
    ("Zn", 65.38),
    ("Ga", 69.723),
    ("Ge", 72.630),
    ("As", 74.922),
    ("Se", 78.971),
    ("Br", 79.904),
    ("Kr", 83.798),
    ("Rb", 85.468),
    ("Sr", 87.62),
    ("Y", 88.906),
    ("Zr", 91.224),
    ("Nb", 92.906),
    ("Mo", 95.95),
    ("Tc", 97.0),
    ("Ru", 101.07),
    ("Rh", 102.91),
    ("Pd", 106.42),
    ("Ag", 107.87),
    ("Cd", 112.41),
    ("In", 114.82),
    ("Sn", 118.71),
    ("Sb", 121.76),
    ("Te", 127.60),
    ("I", 126.90),
    ("Xe", 131.29),
    ("Cs", 132.91),
    ("Ba", 137.33),
    ("La", 138.91),
    ("Ce", 140.12),
    ("Pr", 140.91),
    ("Nd", 144.24),
    ("Pm", 145.0),
    ("Sm", 150.36),
    ("Eu", 151.96),
    ("Gd", 157.25),
    ("Tb", 158.93),
    ("Dy", 162.50),
    ("Ho", 164.93),
    ("Er", 167.26),
    ("Tm", 168.93),
    ("Yb", 173.05),
    ("Lu", 174.97),
    ("Hf", 178.49),
    ("Ta", 180.95),
    ("W", 183.84),
    ("Re", 186.21),
    ("Os", 190.23),
    ("Ir", 192.22),
    ("Pt", 195.08),
    ("Au", 196.97),
    ("Hg", 200.59),
    ("Tl", 204.38),
    ("Pb", 207.2),
    ("Bi", 208.98),
    ("Po", 209.0),
    ("At", 210.0),
    ("Rn", 222.0),
    ("Fr", 223.0),
    ("Ra", 226.0),
    ("Ac", 227.0),
    ("Th", 232.04),
    ("Pa", 231.04),
    ("U", 238.03),
    ("Np", 237.0),
    ("Pu", 244.0),
    ("Am", 243.0),
    ("Cm", 247.0),
    ("Bk", 247.0),
    ("Cf", 251.0),
    ("Es", 252.0),
    ("Fm", 257.0),
    ("Md", 258.0),
    ("No", 259.0),
    ("Lr", 262.0),
    ("Rf", 267.0),
    ("Db", 270.0),
    ("Sg", 269.0),
    ("Bh", 270.0),
    ("Hs", 270.0),
    ("Mt", 278.0),
    ("Ds", 281.0),
    ("Rg", 281.0),
    ("Cn", 285.0),
    ("Nh", 286.0),
    ("Fl", 289.0),
    ("Mc", 289.0),
    ("Lv", 293.0),
    ("Ts", 293.0),
    ("Og", 294.0),
];

impl Element {
    /// Carbon.
    pub const CARBON: Self = Self(6);
    /// Hydrogen.
    pub const HYDROGEN: Self = Self(1);

    /// The element of an atomic number from 1 to 118.
    pub fn from_atomic_number(number: u8) -> Option<Self> {
        (1..=118).contains(&number).then_some(Self(number))
    }

    /// The atomic number, 1 to 118.
    pub fn atomic_number(self) -> u8 {
        self.0
    }

    /// The symbol, for example `Mg`.
    pub fn symbol(self) -> &'static str {
        TABLE[self.0 as usize - 1].0
    }

    /// Standard atomic weight in daltons.
    pub fn mass(self) -> f64 {
        f64::from(TABLE[self.0 as usize - 1].1)
    }

    /// The element of a symbol in any case; deuterium `D` is hydrogen.
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        if symbol.eq_ignore_ascii_case("D") {
            return Some(Self::HYDROGEN);
        }
        TABLE
            .iter()
            .position(|(known, _)| known.eq_ignore_ascii_case(symbol))
            .map(|index| Self(index as u8 + 1))
    }

    /// The element that a PDB atom name of four columns stands for (wwPDB format 3.3, ATOM record).
    ///
    /// The symbol is right-justified in the first two columns, except that names of four characters
    /// start one column early: `" CA "` is carbon, `"CA  "` calcium, `"HG11"` hydrogen.
    pub fn from_pdb_name(columns: &str) -> Option<Self> {
        let name = columns.trim();
        let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
        let first = letters.get(..1)?;
        let starts_early =
            columns.len() >= 4 && !columns.starts_with(' ') && !columns.ends_with(' ');
        let two_columns = columns
            .get(..2)
            .filter(|two| two.chars().all(|c| c.is_ascii_alphabetic()));
        match two_columns {
            Some(symbol) if !starts_early => {
                Self::from_symbol(symbol).or_else(|| Self::from_symbol(first))
            }
            _ => Self::from_symbol(first),
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl FromStr for Element {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_symbol(text)
            .ok_or_else(|| format!("`{text}` is not the symbol of a chemical element"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_numbers_agree() {
        for (symbol, number) in [
            ("H", 1),
            ("c", 6),
            ("FE", 26),
            ("Zn", 30),
            ("U", 92),
            ("Og", 118),
            ("D", 1),
        ] {
            assert_eq!(
                Element::from_symbol(symbol).unwrap().atomic_number(),
                number
            );
        }
        assert_eq!(Element::from_symbol("Xx"), None);
        assert!(
            Element::from_atomic_number(0).is_none() && Element::from_atomic_number(119).is_none()
        );
        let known = TABLE
            .windows(2)
            .filter(|pair| pair[0].1 > pair[1].1)
            .count();
        assert!(
            known < 20,
            "weights rise with the atomic number but for the known inversions: {known}"
        );
    }

    #[test]
    fn names_follow_their_columns() {
        for (name, symbol) in [
            (" CA ", "C"),
            ("CA  ", "Ca"),
            (" O5*", "O"),
            ("HG11", "H"),
            ("1HB ", "H"),
            ("MG  ", "Mg"),
            (" P  ", "P"),
            ("FE  ", "Fe"),
        ] {
            assert_eq!(
                Element::from_pdb_name(name).map(Element::symbol),
                Some(symbol),
                "{name:?}"
            );
        }
        assert_eq!(Element::from_pdb_name("    "), None);
        assert_eq!(Element::from_pdb_name("123"), None);
    }
}
