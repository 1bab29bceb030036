//! The Python literals that occur in npy headers: dictionaries, lists, tuples, strings, integers, booleans.

/// Deepest nesting accepted; real headers have three levels.
const DEEPEST: usize = 16;

/// A Python literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Integer(u64),
    Boolean(bool),
    /// A list or a tuple.
    Sequence(Vec<Literal>),
    Dictionary(Vec<(String, Literal)>),
}

/// Parses a text that is one literal, surrounded by white space.
pub(super) fn parse(text: &str) -> Result<Literal, String> {
    let mut parser = Parser {
        text: text.as_bytes(),
        at: 0,
    };
    let value = parser.value(0)?;
    parser.blanks();
    if parser.at < parser.text.len() {
        return Err(parser.unexpected("the end"));
    }
    Ok(value)
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn unexpected(&self, wanted: &str) -> String {
        let found = self
            .peek()
            .map_or("the end".into(), |b| format!("'{}'", b.escape_ascii()));
        format!("{wanted} expected at character {}, found {found}", self.at)
    }

    /// Skips blanks and takes `byte` if it comes next.
    fn took(&mut self, byte: u8) -> bool {
        self.blanks();
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    fn value(&mut self, depth: usize) -> Result<Literal, String> {
        if depth > DEEPEST {
            return Err(format!("nested deeper than {DEEPEST} levels"));
        }
        self.blanks();
        match self.peek() {
            Some(b'{') => self.dictionary(depth),
            Some(b'[') => self.sequence(b']', depth),
            Some(b'(') => self.sequence(b')', depth),
            Some(b'\'' | b'"') => self.string().map(Literal::Text),
            Some(b'0'..=b'9') => self.integer(),
            Some(b'a'..=b'z' | b'A'..=b'Z') => self.word(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn dictionary(&mut self, depth: usize) -> Result<Literal, String> {
        self.at += 1;
        let mut entries = Vec::new();
        while !self.took(b'}') {
            let key = self.string()?;
            if !self.took(b':') {
                return Err(self.unexpected("':'"));
            }
            entries.push((key, self.value(depth + 1)?));
            if !self.took(b',') && self.peek() != Some(b'}') {
                return Err(self.unexpected("',' or '}'"));
            }
        }
        Ok(Literal::Dictionary(entries))
    }

    fn sequence(&mut self, close: u8, depth: usize) -> Result<Literal, String> {
        self.at += 1;
        let mut items = Vec::new();
        while !self.took(close) {
            items.push(self.value(depth + 1)?);
            if !self.took(b',') && self.peek() != Some(close) {
                return Err(self.unexpected("',' or the closing bracket"));
            }
        }
        Ok(Literal::Sequence(items))
    }

    fn string(&mut self) -> Result<String, String> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else {
            return Err(self.unexpected("a string"));
        };
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.peek() {
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(escaped @ (b'\\' | b'\'' | b'"')) => bytes.push(escaped),
                        _ => return Err(self.unexpected("a simple escape")),
                    }
                }
                Some(byte) if byte == quote => break,
                Some(byte) => bytes.push(byte),
                None => return Err(self.unexpected("the end of a string")),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn integer(&mut self) -> Result<Literal, String> {
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            value = value
                .checked_mul(10)
                .and_then(|v| v.checked_add(u64::from(digit - b'0')))
                .ok_or("a number is too large")?;
            self.at += 1;
        }
        // Python 2 wrote long integers with a letter.
        self.at += usize::from(self.peek() == Some(b'L'));
        Ok(Literal::Integer(value))
    }

    fn word(&mut self) -> Result<Literal, String> {
        let rest = &self.text[self.at..];
        for (word, value) in [(&b"True"[..], true), (b"False", false)] {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(Literal::Boolean(value));
            }
        }
        Err(self.unexpected("True or False"))
    }
}
