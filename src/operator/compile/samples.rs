//! `samples:` of a shape of USSD, proved.

use crate::operator::compile::Fault;
use crate::operator::file::{NumberGiven, UssdFile};
use crate::operator::sample::Sample;

/// Proves them.
pub(super) fn samples(file: &UssdFile) -> Result<Vec<Sample>, Fault> {
    if file.samples.is_empty() {
        return Err(Fault::new(
            "samples:",
            "there is no sample, so nothing shows that the shape is right",
            "put in what the operator's document shows, or what was seen on the wire",
        )
        .within("samples"));
    }
    let samples: Vec<Sample> = file
        .samples
        .iter()
        .enumerate()
        .map(|(at, file)| Sample::parse(file).map_err(|fault| fault.within(at).within("samples")))
        .collect::<Result<_, _>>()?;
    if file.reads.subscriber == NumberGiven::Always
        && let Some(at) = samples
            .iter()
            .position(|sample| sample.dialled_by.is_some())
    {
        return Err(Fault::new(
            "dialled_by:",
            "every request tells the number, so that nobody is asked who dialled",
            "take it away, or write `subscriber: first` under `reads:`",
        )
        .within("dialled_by")
        .within(at)
        .within("samples"));
    }
    Ok(samples)
}
