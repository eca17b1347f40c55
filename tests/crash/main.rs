//! The real program under faults: the list of them, and a table of what is promised and what was seen.
//!
//! ```text
//! cargo test --test crash                    the short set
//! cargo test --test crash -- --long          all of it
//! cargo test --test crash -- kill postgres   those whose name holds a word
//! cargo test --test crash -- --list          names, and nothing is run
//! cargo test --test crash -- --long --exact kill-at-write#3     one piece of a row of the long set
//! ```
//!
//! What cannot be injected on this machine says `not run` and why; with `TEST_PEERS=require` it is a
//! failure where something is not installed. `CRASH_SEED` draws another run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod faults;
mod people;
mod platform;
mod program;
mod row;
mod site;
mod table;
mod trace;
mod witness;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::faults::{Context, Fault, Seen};
use crate::table::{Line, Verdict};

/// What holds, or why it does not.
pub type Held<T> = Result<T, String>;

/// How long a row may take: in the short set, and a piece of the long one.
const BOUND: Duration = Duration::from_secs(300);
const BOUND_LONG: Duration = Duration::from_secs(570);

#[derive(Default)]
struct Wanted {
    long: bool,
    list: bool,
    /// Whether the names are whole ones.
    exact: bool,
    names: Vec<String>,
}

fn wanted() -> Wanted {
    let mut wanted = Wanted::default();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--long" => wanted.long = true,
            "--list" => wanted.list = true,
            "--exact" => wanted.exact = true,
            // What `cargo test` hands to every test program.
            flag if flag.starts_with('-') => {}
            name => wanted.names.push(name.to_owned()),
        }
    }
    wanted
}

fn main() -> ExitCode {
    let wanted = wanted();
    let is_meant = |name: &str| {
        let mut names = wanted.names.iter();
        names.any(|one| match wanted.exact {
            true => name == one,
            false => name.contains(one),
        })
    };
    let faults: Vec<Piece> = faults::all()
        .into_iter()
        .filter(|fault| wanted.long || fault.short || !wanted.names.is_empty())
        .flat_map(|fault| pieces(fault, wanted.long))
        .filter(|piece| wanted.names.is_empty() || is_meant(&piece.name))
        .collect();
    if wanted.list {
        for piece in &faults {
            println!("{}: test", piece.name);
        }
        return ExitCode::SUCCESS;
    }
    if faults.is_empty() {
        return ExitCode::SUCCESS;
    }
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    println!(
        "faults of the real program: {} of them, seed {seed}, {}",
        faults.len(),
        if wanted.long { "long" } else { "short" }
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let context = Context {
        long: wanted.long,
        seed,
        piece: (0, 1),
    };
    let began = Instant::now();
    let lines = runtime.block_on(run(faults, context));
    print!("{}", table::written(&lines));
    println!("in {} s", began.elapsed().as_secs());
    let required = std::env::var("TEST_PEERS").is_ok_and(|value| value == "require");
    let red = lines.iter().any(|line| match line.verdict {
        Verdict::Held => false,
        Verdict::Broken => true,
        // What a machine does not permit is no fault of the run; what can be installed is.
        Verdict::NotRun => required && line.seen.contains("not installed"),
    });
    if red {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// A row, or a piece of one that takes too long in the long set.
struct Piece {
    name: String,
    fault: Fault,
    /// Which, from 0, and of how many.
    number: (usize, usize),
}

fn pieces(fault: Fault, long: bool) -> Vec<Piece> {
    let of = match long {
        true => fault.pieces(),
        false => 1,
    };
    let name = |number| match of {
        1 => fault.name.to_owned(),
        _ => format!("{}#{}", fault.name, number + 1),
    };
    (0..of)
        .map(|number| Piece {
            name: name(number),
            fault,
            number: (number, of),
        })
        .collect()
}

async fn run(faults: Vec<Piece>, context: Context) -> Vec<Line> {
    let bound = match context.long {
        true => BOUND_LONG,
        false => BOUND,
    };
    let mut running = Vec::new();
    for piece in faults {
        let fault = piece.fault;
        let context = Context {
            piece: piece.number,
            ..context
        };
        let title = (piece.name, fault.what, fault.promised);
        let task =
            tokio::spawn(async move { row::run(fault.when, bound, (fault.run)(context)).await });
        running.push((title, task));
    }
    let mut lines = Vec::new();
    for ((name, what, promised), task) in running {
        let (verdict, seen, took) = match task.await {
            Ok((Ok(Seen::Held(seen)), took)) => (Verdict::Held, seen, took),
            Ok((Ok(Seen::NotRun(why)), took)) => (Verdict::NotRun, why, took),
            Ok((Err(why), took)) => (Verdict::Broken, why, took),
            Err(error) => (Verdict::Broken, error.to_string(), Duration::ZERO),
        };
        println!("{name}: {} ({:.1} s)", verdict.word(), took.as_secs_f64());
        if verdict == Verdict::Broken {
            println!("{seen}");
        }
        lines.push(Line {
            name,
            what,
            promised,
            verdict,
            seen,
            took,
        });
    }
    lines
}
