//! SPDX licence expressions (SPDX 2.3, annex D), and the old form with a slash that means OR.

/// Whether the expression can be met with licences that `allowed` says yes to. `X WITH Y` is one licence of that name;
/// where it is not allowed, `X` alone is asked for, because an exception only adds rights.
///
/// # Errors
/// What is wrong with the expression.
pub(crate) fn met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let answer = reader.or()?;
    match reader.words.first() {
        None => Ok(answer),
        Some(word) => Err(format!("unexpected {word:?}")),
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a dyn Fn(&str) -> bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, word: &str) -> bool {
        let found = self.words.first().is_some_and(|w| w.eq_ignore_ascii_case(word));
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn or(&mut self) -> Result<bool, String> {
        let mut answer = self.and()?;
        while self.take("OR") {
            answer |= self.and()?;
        }
        Ok(answer)
    }

    fn and(&mut self) -> Result<bool, String> {
        let mut answer = self.licence()?;
        while self.take("AND") {
            answer &= self.licence()?;
        }
        Ok(answer)
    }

    fn licence(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let answer = self.or()?;
            return if self.take(")") { Ok(answer) } else { Err("a bracket is not closed".into()) };
        }
        let name = self.name()?;
        if self.take("WITH") {
            let exception = self.name()?;
            return Ok((self.allowed)(&format!("{name} WITH {exception}")) || (self.allowed)(name));
        }
        Ok((self.allowed)(name))
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let Some((word, rest)) = self.words.split_first() else { return Err("a licence is missing".into()) };
        if ["AND", "OR", "WITH", "(", ")"].contains(word) {
            return Err(format!("a licence is missing before {word:?}"));
        }
        self.words = rest;
        Ok(word)
    }
}

#[cfg(test)]
mod tests {
    use super::met;

    fn ask(expression: &str) -> Result<bool, String> {
        met(expression, &|l| ["MIT", "Apache-2.0", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&l))
    }

    #[test]
    fn words_of_the_language() {
        for (expression, met) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("GPL-3.0-only/MIT", true),
            ("MIT AND GPL-3.0-only", false),
            ("MIT AND ISC", true),
            ("GPL-3.0-only OR MIT AND ISC", true),
            ("(GPL-3.0-only OR MIT) AND AGPL-3.0-only", false),
            ("(MIT OR X) AND (ISC OR Y)", true),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("MIT WITH anything", true),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
        ] {
            assert_eq!(ask(expression), Ok(met), "{expression}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for expression in ["", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH"] {
            assert!(ask(expression).is_err(), "{expression}");
        }
    }
}
