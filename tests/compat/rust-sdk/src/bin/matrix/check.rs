//! What is expected of answers and refusals.

use std::fmt::{self, Debug, Display};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_kinesis::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::{BoxError, ProvideErrorMetadata, SdkError};
use fanlight_compat_rust_sdk::{Failure, ensure, told};

/// The client cannot do what a group is about, or the server is known not to, yet.
#[derive(Debug)]
pub struct Absence(pub &'static str);

impl Display for Absence {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(self.0)
    }
}

impl std::error::Error for Absence {}

/// Fails unless the two are equal.
pub fn equal<T: PartialEq<U> + Debug, U: Debug>(what: &str, got: T, want: U) -> Result<(), Failure> {
    ensure!(got == want, "{what}: {got:?}, not {want:?}");
    Ok(())
}

/// Fails unless the lists are equal; tells the first place where they differ.
pub fn equal_lists<T: PartialEq + Debug>(what: &str, got: &[T], want: &[T]) -> Result<(), Failure> {
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        ensure!(got == want, "{what}: {got:?} at {at}, not {want:?}");
    }
    equal(&format!("{what}: how many"), got.len(), want.len())
}

/// Fails unless a call was refused with the modelled error that `is` tells, and a text.
pub fn refused<T, E, R>(
    what: &str,
    result: Result<T, SdkError<E, R>>,
    is: impl Fn(&E) -> bool,
) -> Result<(), Failure>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    let Err(error) = result else { return Err(format!("{what}: answered, where a refusal was due").into()) };
    let modelled = error.as_service_error().is_some_and(|it| is(it) && it.message().is_some());
    ensure!(modelled, "{what}: refused with {}", told(&error));
    Ok(())
}

/// Counts the requests that calls send.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<AtomicUsize>);

impl Attempts {
    /// How many there were since the last question.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Intercept for Attempts {
    fn name(&self) -> &'static str {
        "Attempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
