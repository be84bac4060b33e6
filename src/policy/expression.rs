//! The expressions that rules match with, within limits of size.

use std::str::FromStr;

use regex::bytes::{Regex, RegexBuilder};

use crate::domain::pattern::{BadPattern, PathPattern};

/// The most memory one expression may take once compiled, in bytes.
const LARGEST_EXPRESSION: usize = 256 << 10;

/// A regular expression that regards no case and runs in linear time.
#[derive(Clone, Debug)]
pub struct Expression {
    pub(super) source: String,
    pub(super) compiled: Regex,
}

/// The text is no expression that may be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadExpression {
    /// The syntax is wrong, in this way.
    #[error("not a regular expression ({0})")]
    Syntax(String),
    /// It would need more memory than one expression may.
    #[error("a regular expression that is too large")]
    TooLarge,
}

impl FromStr for Expression {
    type Err = BadExpression;

    fn from_str(source: &str) -> Result<Self, BadExpression> {
        let compiled = RegexBuilder::new(source)
            .case_insensitive(true)
            .unicode(false)
            .size_limit(LARGEST_EXPRESSION)
            .nest_limit(50)
            .build();
        match compiled {
            Ok(compiled) => Ok(Self {
                source: source.to_owned(),
                compiled,
            }),
            Err(regex::Error::CompiledTooBig(_)) => Err(BadExpression::TooLarge),
            Err(reason) => Err(BadExpression::Syntax(last_line(&reason.to_string()))),
        }
    }
}

/// The library draws a picture of several lines and says what is wrong in the last.
fn last_line(picture: &str) -> String {
    let line = picture.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

/// What a rule's `path` may be.
#[derive(Clone, Debug)]
pub enum PathTest {
    /// Begins with `/`: a pattern as in rooms.
    Pattern(PathPattern),
    /// Begins with `^`: an expression for the path in the form in which paths are compared.
    Expression(Expression),
}

/// The text is no test of a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPathTest {
    /// It begins with neither sign.
    #[error("begins with `/` (a path, as in `/buy/*`) or with `^` (a regular expression)")]
    Neither,
    /// It is no pattern.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// It is no expression.
    #[error(transparent)]
    Expression(#[from] BadExpression),
}

impl FromStr for PathTest {
    type Err = BadPathTest;

    fn from_str(text: &str) -> Result<Self, BadPathTest> {
        match text.chars().next() {
            Some('/') => Ok(Self::Pattern(text.parse()?)),
            Some('^') => Ok(Self::Expression(text.parse()?)),
            _ => Err(BadPathTest::Neither),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_compiles_too_large_is_refused() {
        let parse = |text: &str| text.parse::<Expression>().map(|_| ());
        assert_eq!(parse("(a{1000}){1000}"), Err(BadExpression::TooLarge));
        assert!(parse(&"(".repeat(1_000)).is_err());
        assert_eq!(
            parse("a(b"),
            Err(BadExpression::Syntax("unclosed group".to_owned()))
        );
    }
}
