//! Why there is no thumbnail, by who is at fault.

use std::borrow::Cow;
use std::fmt;

/// Why there is no thumbnail. The texts are written for whoever sent the picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are something else than a JPEG or PNG picture, or a kind of these that is not decoded.
    #[error("not supported: {detail}")]
    Unsupported {
        /// Which kind it is, as far as known: "a GIF picture", "a JPEG with arithmetic coding".
        detail: Cow<'static, str>,
    },
    /// The picture is damaged or cut off.
    #[error("damaged picture: {detail}")]
    Malformed {
        /// What is wrong and where.
        detail: Cow<'static, str>,
    },
    /// The picture is over a limit.
    #[error("too large: {actual} {measure}, at most {limit} are allowed")]
    TooLarge {
        /// What was counted.
        measure: Measure,
        /// The most that is allowed.
        limit: u64,
        /// What this picture has, or needs.
        actual: u64,
    },
    /// The caller of [`thumbnail_while`](crate::thumbnail_while) said so.
    #[error("stopped: the picture took too long")]
    Stopped,
    /// Our own fault: the picture may be fine.
    #[error("internal error: {detail}")]
    Internal {
        /// For the log rather than for the client.
        detail: Cow<'static, str>,
    },
}

/// What [`Error::TooLarge`] counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Width times height.
    Pixels,
    /// Bytes of memory that decoding needs at once.
    MemoryBytes,
    /// Scans of a JPEG (a progressive one has about ten).
    Scans,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pixels => "pixels",
            Self::MemoryBytes => "bytes of memory",
            Self::Scans => "scans",
        })
    }
}

impl Error {
    pub(crate) fn unsupported(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Unsupported { detail: detail.into() }
    }

    pub(crate) fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Malformed { detail: detail.into() }
    }

    pub(crate) fn internal(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::Internal { detail: detail.into() }
    }
}
