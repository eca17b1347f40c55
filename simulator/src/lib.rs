//! The outside world of the gateway: phones, an operator's USSD platform, an SMSC, the agency's
//! registry, and the journeys of workers through all of them.
//!
//! It is written from the operators' documents and from the registry's contract and **never
//! imports the gateway**, so that a mistake of the one side is not mirrored in the other. All
//! people, numbers and places in it are samples.
//!
//! | module | what it stands for |
//! |---|---|
//! | [`phone`] | a phone: its screen, its inbox |
//! | [`operator`] | the operator that carries USSD as HTTP callbacks |
//! | [`smsc`] | the operator's message centre: SMPP over TCP or TLS, USSD over it, bad behaviours |
//! | [`console`] | the message centre on the command line |
//! | [`registry`] | the agency's registry behind its HTTP contract |
//! | [`world`] | phones, operator and message centre together |
//! | [`page`] | a web page with a phone on it |
//! | [`script`], [`journeys`] | what workers do, as text, and who plays it |
//! | [`gateway`] | the gateway's program as a child process |
//! | [`conformance`] | an operator of any shape that judges a gateway |
//! | [`servers`] | real servers that a gateway of many nodes needs |
//! | [`proxy`] | a faulty piece of network between any two of them |
//! | [`load`] | many callbacks at once |

pub mod conformance;
pub mod console;
pub mod gateway;
pub mod journeys;
pub mod load;
pub mod operator;
pub mod page;
pub mod phone;
pub mod proxy;
pub mod registry;
pub mod script;
pub mod servers;
pub mod smsc;
pub mod tale;
pub mod web;
pub mod world;
