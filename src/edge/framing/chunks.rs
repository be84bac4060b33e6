//! Following a chunked body to its end.

use super::Step;
use super::fault::Fault;
use super::field;
use super::limits::Limits;
use super::lines::{self, Lines, Overrun};
use crate::origin::trailers::may_be;

/// Sixteen hexadecimal digits say every size a `u64` holds.
const SIZE_DIGITS: usize = 16;

/// Follows one chunked body. Trailers are checked, then those taken out that no site may list, so
/// that whoever reads behind us never sees framing, a name or a cookie there.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunks {
    part: Part,
    lines: Lines,
    extensions: usize,
    trailers: usize,
    trailer_fields: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailers,
    Done,
}

impl Chunks {
    /// Whether the body's last byte has been passed.
    pub(super) fn is_done(&self) -> bool {
        self.part == Part::Done
    }

    /// Says what to do with the leading bytes of `run`.
    pub(super) fn step(&mut self, run: &[u8], limits: &Limits) -> Step {
        let step = match self.part {
            Part::Size => self.size(run, limits),
            Part::Data(left) => Ok(self.data(run, left)),
            Part::DataEnd => self.data_end(run),
            Part::Trailers => self.trailer(run, limits),
            Part::Done => Ok(Step::More),
        };
        step.unwrap_or_else(Step::Refuse)
    }

    fn size(&mut self, run: &[u8], limits: &Limits) -> Result<Step, Fault> {
        let longest = SIZE_DIGITS + limits.chunk_extension + "\r\n".len();
        let line = self.lines.next(run, longest);
        let Some(line) = line.map_err(|Overrun| Fault::ChunkExtension)? else {
            return Ok(Step::More);
        };
        let text = lines::text(line)?;
        let end = text.iter().position(|byte| *byte == b';');
        let (digits, extension) = text.split_at(end.unwrap_or(text.len()));
        let size = size(digits)?;
        self.extensions += extension.len();
        if extension.len() > limits.chunk_extension
            || self.extensions > limits.body_extensions
            || field::has_control(extension)
            || !extension.is_ascii()
        {
            return Err(Fault::ChunkExtension);
        }
        self.lines = Lines::default();
        self.part = match size {
            0 => Part::Trailers,
            size => Part::Data(size),
        };
        Ok(Step::Pass(line.len()))
    }

    fn data(&mut self, run: &[u8], left: u64) -> Step {
        let (step, left) = super::pass_up_to(run, left);
        self.part = match left {
            0 => Part::DataEnd,
            left => Part::Data(left),
        };
        step
    }

    fn data_end(&mut self, run: &[u8]) -> Result<Step, Fault> {
        match run {
            [b'\r', b'\n', ..] => {
                self.part = Part::Size;
                Ok(Step::Pass(2))
            }
            [] | [b'\r'] => Ok(Step::More),
            _ => Err(Fault::ChunkEnd),
        }
    }

    fn trailer(&mut self, run: &[u8], limits: &Limits) -> Result<Step, Fault> {
        let left = limits.trailers.saturating_sub(self.trailers);
        let line = self.lines.next(run, left);
        let Some(line) = line.map_err(|Overrun| Fault::TrailersTooLarge)? else {
            return Ok(Step::More);
        };
        let text = lines::text(line)?;
        self.lines = Lines::default();
        if text.is_empty() {
            self.part = Part::Done;
            return Ok(Step::Pass(line.len()));
        }
        field::split(text)?;
        let name = text.split(|byte| *byte == b':').next();
        self.trailers += line.len();
        self.trailer_fields += 1;
        if self.trailer_fields > limits.trailer_fields {
            return Err(Fault::TrailersTooLarge);
        }
        Ok(if name.is_some_and(may_be) {
            Step::Pass(line.len())
        } else {
            Step::Drop(line.len())
        })
    }
}

/// Reads a chunk size: hexadecimal digits alone, at most 2^63.
fn size(digits: &[u8]) -> Result<u64, Fault> {
    let plain = (1..=SIZE_DIGITS).contains(&digits.len());
    if !plain || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(Fault::ChunkSize);
    }
    std::str::from_utf8(digits)
        .ok()
        .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        .filter(|size| *size <= 1 << 63)
        .ok_or(Fault::ChunkSize)
}
