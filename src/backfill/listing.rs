//! What a run works on, one after the other; never more than a page of it is in memory.

use std::vec;

use super::originals::Originals;
use super::patience::{GaveUp, persist};
use super::thumbnails::Thumbnails;
use super::{Halt, Run};
use crate::app::with_causes;
use crate::store::{Bucket, ListFrom, Listed};

/// Where objects come from.
#[derive(Debug)]
pub(super) enum Source {
    Originals(Originals),
    Thumbnails(Thumbnails),
    /// Those that were put off.
    Keys(vec::IntoIter<Listed>),
}

impl Source {
    pub(super) async fn next(&mut self, run: &Run) -> Result<Option<Listed>, Halt> {
        match self {
            Self::Originals(originals) => originals.next(run).await,
            Self::Thumbnails(thumbnails) => thumbnails.next(run).await,
            Self::Keys(keys) => Ok(keys.next()),
        }
    }
}

/// A bucket's objects, page by page.
#[derive(Debug)]
pub(super) struct Listing {
    bucket: Bucket,
    prefix: String,
    after: Option<String>,
    page: vec::IntoIter<Listed>,
    next: Next,
}

#[derive(Debug)]
enum Next {
    First,
    Token(String),
    Nothing,
}

impl Listing {
    pub(super) fn new(bucket: Bucket, prefix: &str, after: Option<&str>) -> Self {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Self { bucket, prefix, after, page: Vec::new().into_iter(), next: Next::First }
    }

    pub(super) async fn next(&mut self, run: &Run) -> Result<Option<Listed>, Halt> {
        loop {
            if let Some(listed) = self.page.next() {
                return Ok(Some(listed));
            }
            let from = match (&self.next, &self.after) {
                (Next::First, None) => ListFrom::Beginning,
                (Next::First, Some(after)) => ListFrom::After(after),
                (Next::Token(token), _) => ListFrom::Next(token),
                (Next::Nothing, _) => return Ok(None),
            };
            let page = persist(run, || run.page(self.bucket, &self.prefix, from)).await;
            let page = page.map_err(|gave_up| match gave_up {
                GaveUp::Stopped => run.may_go_on().err().unwrap_or(Halt::Stopped),
                GaveUp::Failed(error) => Halt::Unlisted(with_causes(&error)),
            })?;
            self.page = page.objects.into_iter();
            self.next = page.next.map_or(Next::Nothing, Next::Token);
        }
    }
}
