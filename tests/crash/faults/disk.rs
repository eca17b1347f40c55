//! What the disk under the ledger does.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::kill::{KILL, chosen, count, dies, each};
use super::{Context, Seen, under_way};
use crate::Held;
use crate::program::{How, LOOK, SOON};
use crate::site::{Setup, Site};
use crate::trace::{Point, Trace};
use crate::witness::{Account, Lives, judge};

/// What is said of a failed fsync: by the writer, by the engine at the start, by the system.
const SAYS_WHY: [&str; 3] = [
    "the disk under the ledger failed",
    "disk I/O error",
    "Input/output error",
];
/// Whoever meets a failed fsync ends within this.
const EXITS: Duration = Duration::from_secs(5);
/// Each write takes a moment, so that whoever is answered before the fsync has the answer by then.
const SLOW_WRITES: &str = "inject=pwrite64:delay_enter=500";
/// The disk that is filled.
const DISK: &str = "24m";
/// How often it is filled, and for how long.
const FILLINGS: usize = 3;
const FULL: Duration = Duration::from_secs(2);
/// Somebody who is not root, where root is who tests.
const NOBODY: &str = "65534";

/// What a power cut would leave: everything that was not synced is gone, or some of it.
pub async fn power_cut(context: Context) -> Held<Seen> {
    struck_at_syncs(context, |number| Box::pin(cut_at(number, context.seed))).await
}

/// fsyncs that fail.
pub async fn sync_fails(context: Context) -> Held<Seen> {
    struck_at_syncs(context, |number| Box::pin(fails_at(number))).await
}

type Tried = std::pin::Pin<Box<dyn Future<Output = Held<Option<(Account, u64)>>> + Send>>;

async fn struck_at_syncs(context: Context, at: impl Fn(usize) -> Tried) -> Held<Seen> {
    if let Some(why) = Trace::cannot().await {
        return Ok(Seen::NotRun(why));
    }
    let total = count(Point::Sync).await?;
    let results = each(chosen(total, context), at).await;
    let (mut struck, mut counted, mut sum, mut wrong) = (0, 0, Account::default(), Vec::new());
    for (number, result) in results {
        match result {
            Ok(Some((account, extra))) => {
                struck += 1;
                counted += extra;
                sum.add(&account);
            }
            Ok(None) => {}
            Err(why) => wrong.push(format!("at fsync {number}: {why}")),
        }
    }
    if !wrong.is_empty() {
        return Err(format!(
            "{} of {} points: {}",
            wrong.len(),
            struck + wrong.len(),
            wrong.join("\n")
        ));
    }
    let counted = match counted {
        0 => String::new(),
        writes => format!("{writes} writes wiped, "),
    };
    Ok(Seen::Held(format!(
        "{struck} points of {total} tried, {counted}0 rows lost: {}",
        sum.words()
    )))
}

async fn cut_at(number: usize, seed: u64) -> Held<Option<(Account, u64)>> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let trace = Trace::new(site.folder.path(), "cut");
    let inject = format!("{}:{KILL}:when={number}", Point::Sync.calls());
    let calls = format!("{},pwrite64,write", Point::Sync.calls());
    let how = trace.injecting(&calls, &inject).also(SLOW_WRITES);
    let mut program = site.spawn(&how)?;
    let lives = Lives::begin(&site);
    let struck = dies(&mut program, &lives).await?;
    let mut wiped = 0;
    if struck {
        let writes = unsynced(&trace.log().await?, site.folder.path());
        wiped = wipe(&writes, seed ^ number as u64)?;
    }
    let mut program = site.start(&How::default()).await?;
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(struck.then_some((account, wiped)))
}

/// A write that was not synced: to which file, where and how much; a file that was made and written
/// from its beginning is gone as a whole.
struct Unsynced {
    file: PathBuf,
    range: Option<(u64, u64)>,
}

/// What was written to a folder and not synced by the end of a log.
fn unsynced(log: &str, folder: &Path) -> Vec<Unsynced> {
    let mut waiting: BTreeMap<PathBuf, Vec<Unsynced>> = BTreeMap::new();
    let mut syncing: BTreeMap<&str, PathBuf> = BTreeMap::new();
    for line in log.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or((line, ""));
        let call = call.trim_start();
        if call.starts_with("<...") {
            if call.contains("sync resumed>") && call.ends_with("= 0") {
                syncing.remove(thread).map(|file| waiting.remove(&file));
            }
            continue;
        }
        let Some((name, rest)) = call.split_once('(') else {
            continue;
        };
        let Some(file) = path_of(rest).filter(|file| file.starts_with(folder)) else {
            continue;
        };
        match name {
            "fsync" | "fdatasync" if call.ends_with("= 0") => {
                waiting.remove(&file);
            }
            "fsync" | "fdatasync" => {
                syncing.insert(thread, file);
            }
            "pwrite64" => waiting.entry(file.clone()).or_default().push(Unsynced {
                file,
                range: range_of(rest),
            }),
            _ => waiting
                .entry(file.clone())
                .or_default()
                .push(Unsynced { file, range: None }),
        }
    }
    waiting.into_values().flatten().collect()
}

/// The path beside a descriptor: `12</a/b>, …`.
fn path_of(arguments: &str) -> Option<PathBuf> {
    let (_, rest) = arguments.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    Some(PathBuf::from(path))
}

/// Offset and length of `12</a/b>, ""..., LENGTH, OFFSET`.
fn range_of(arguments: &str) -> Option<(u64, u64)> {
    let (_, rest) = arguments.split_once("..., ")?;
    let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
    let length = numbers.next()?.parse().ok()?;
    let offset = numbers.find(|word| !word.is_empty())?.parse().ok()?;
    Some((offset, length))
}

/// Wipes writes, each with an even chance: a disk keeps some of what was not synced.
fn wipe(writes: &[Unsynced], seed: u64) -> Held<u64> {
    let mut wiped = 0;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for write in writes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state.is_multiple_of(2) {
            continue;
        }
        let done = OpenOptions::new().write(true).open(&write.file);
        let done = done.and_then(|mut file| match write.range {
            Some((offset, length)) => {
                file.seek(SeekFrom::Start(offset))?;
                file.write_all(&vec![0; usize::try_from(length).unwrap_or(0)])
            }
            None => file.set_len(0),
        });
        match done {
            Ok(()) => wiped += 1,
            // It was removed afterwards.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", write.file.display())),
        }
    }
    Ok(wiped)
}

async fn fails_at(number: usize) -> Held<Option<(Account, u64)>> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let trace = Trace::new(site.folder.path(), "fails");
    let inject = format!("{}:error=EIO:when={number}", Point::Sync.calls());
    let mut program = site.spawn(&trace.failing(Point::Sync.calls(), &inject))?;
    let lives = Lives::begin(&site);
    let struck = || trace.so_far().contains("(INJECTED)");
    while !program.is_over() && !lives.are_over() && !struck() {
        tokio::time::sleep(LOOK).await;
    }
    if !struck() {
        program.kill().await?;
    } else {
        let status = program.ended(EXITS).await;
        let status = status.map_err(|_| "it went on after a failed fsync".to_owned())?;
        if status.code() != Some(1) {
            return Err(format!("it ended with {status}"));
        }
        let log = trace.log().await?;
        let mut after = log.lines().skip_while(|line| !line.contains("(INJECTED)"));
        let failed = after.next().unwrap_or_default();
        let file = path_of(failed);
        if let Some(again) = after.find(|line| line.contains("sync(") && path_of(line) == file) {
            return Err(format!("{failed}\nwas tried again: {again}"));
        }
        let said = program.log();
        if !SAYS_WHY.iter().any(|words| said.contains(words)) {
            return Err(format!("it did not say why:\n{}", program.last_words()));
        }
    }
    let struck = struck();
    let mut program = site.start(&How::default()).await?;
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    Ok(struck.then_some((account, 0)))
}

/// A disk of its own in a namespace of its own, which is gone with its keeper.
struct Disk {
    keeper: Child,
    id: u32,
}

impl Disk {
    /// Mounts a small disk on a folder; the reason where that cannot be done.
    async fn on(folder: &Path) -> Result<Self, String> {
        let script = format!(
            "mount -t tmpfs -o size={DISK} none '{}' && echo ready && exec cat",
            folder.display()
        );
        let keeper = Command::new("unshare")
            .args(["-U", "-r", "-m", "sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut keeper = keeper.map_err(|_| "unshare is not installed".to_owned())?;
        let mut ready = [0; 6];
        let read = match keeper.stdout.as_mut() {
            Some(out) => tokio::time::timeout(SOON, out.read_exact(&mut ready)).await,
            None => return Err("no disk can be mounted here".to_owned()),
        };
        match (read, keeper.id()) {
            (Ok(Ok(_)), Some(id)) => Ok(Self { keeper, id }),
            _ => Err("no disk can be mounted here by this user".to_owned()),
        }
    }

    /// A path as it is seen on the disk.
    fn seen(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        PathBuf::from(format!("/proc/{}/root", self.id)).join(inside)
    }

    /// The program with the disk.
    fn how(&self, folder: &Path) -> How {
        let id = self.id.to_string();
        let enter = format!("cd '{}' && exec \"$@\"", folder.display());
        How::behind(&[
            "nsenter",
            "-t",
            &id,
            "-U",
            "-m",
            "--preserve-credentials",
            "sh",
            "-c",
            &enter,
            "sh",
        ])
    }
}

/// No room, again and again.
pub async fn full(_: Context) -> Held<Seen> {
    let site = Arc::new(Site::new(Setup::default()).await?);
    let folder = site.folder.path().to_owned();
    let data = folder.join("data");
    std::fs::create_dir(&data).map_err(|error| error.to_string())?;
    let mut disk = match Disk::on(&data).await {
        Ok(disk) => disk,
        Err(why) => return Ok(Seen::NotRun(why)),
    };
    drop(site.seen_at.set(disk.seen(&folder)));
    let mut program = site.start(&disk.how(&folder)).await?;
    let lives = Lives::begin(&site);
    let filling = disk.seen(&data).join("filling");
    for at in 0..FILLINGS {
        under_way(&site, 15 + at * 20).await?;
        // All that there is room for; the error at the end is what is wanted.
        let room = vec![0; 64 * 1024];
        let mut file = std::fs::File::create(&filling).map_err(|error| error.to_string())?;
        while file.write_all(&room).is_ok() {}
        while file.write_all(&room[..512]).is_ok() {}
        tokio::time::sleep(FULL).await;
        drop(file);
        std::fs::remove_file(&filling).map_err(|error| error.to_string())?;
        if program.is_over() {
            return Err(format!("it has ended:\n{}", program.last_words()));
        }
    }
    let account = judge(&site, &mut program, lives).await?;
    program.stop().await?;
    // Its keeper ends with it.
    let _ = disk.keeper.start_kill();
    if account.apologies == 0 {
        return Err("the disk was never full while somebody called".to_owned());
    }
    Ok(Seen::Held(account.words()))
}

/// Ledgers that are not what they were.
pub async fn corrupt(_: Context) -> Held<Seen> {
    let mut seen = Vec::new();
    for (what, spoil, named) in [
        ("head", (|site| overwrite(site, 0, 100)) as Spoil, "jisr.db"),
        (
            "middle",
            |site| overwrite(site, 40 * 4096, 60 * 4096),
            "jisr.db",
        ),
        ("keys", |site| remove(site, "jisr.keys"), "jisr.keys"),
    ] {
        let site = Arc::new(Site::new(Setup::default()).await?);
        let mut program = site.start(&How::default()).await?;
        Lives::begin(&site).end().await?;
        program.stop().await?;
        site.folded().await?;
        spoil(&site)?;
        seen.push(format!(
            "{what}: {}",
            refusal(&site, &How::default(), named).await?
        ));
    }
    Ok(Seen::Held(seen.join("; ")))
}

type Spoil = fn(&Site) -> Held<()>;

fn overwrite(site: &Site, from: u64, length: usize) -> Held<()> {
    let done = OpenOptions::new().write(true).open(site.file());
    let done = done.and_then(|mut file| {
        file.seek(SeekFrom::Start(from))?;
        file.write_all(&vec![0x5a; length])
    });
    done.map_err(|error| error.to_string())
}

fn remove(site: &Site, name: &str) -> Held<()> {
    std::fs::remove_file(site.file().with_file_name(name)).map_err(|error| error.to_string())
}

/// Waits until the program refuses to start; what it says of a file.
async fn refusal(site: &Site, how: &How, named: &str) -> Held<String> {
    let mut program = site.spawn(how)?;
    let status = program
        .ended(SOON)
        .await
        .map_err(|_| format!("it started all the same, and was to refuse because of {named}"))?;
    let said = program.log();
    let line = said.lines().find(|line| line.contains(named));
    match (status.code(), line) {
        (Some(1), Some(line)) => {
            let folder = site.folder.path().to_string_lossy();
            Ok(format!("`{}`", line.replace(&*folder, "…").trim()))
        }
        _ => Err(format!("it ended with {status} and said:\n{said}")),
    }
}

/// What may only be read.
pub async fn unwritable(_: Context) -> Held<Seen> {
    let is_root = Command::new("id").arg("-u").output().await;
    let is_root = is_root.is_ok_and(|said| said.stdout.trim_ascii() == b"0");
    // Root may write everywhere.
    let how = match is_root {
        true => How::behind(&[
            "setpriv",
            "--reuid",
            NOBODY,
            "--regid",
            NOBODY,
            "--clear-groups",
        ]),
        false => How::default(),
    };
    let mut seen = Vec::new();
    for (what, folder_mode, file_mode, named) in [
        ("folder", 0o555, 0o644, "jisr.lock"),
        ("file", 0o777, 0o444, "jisr.db"),
    ] {
        let site = Arc::new(Site::new(Setup::default()).await?);
        let mut program = site.start(&How::default()).await?;
        program.stop().await?;
        site.folded().await?;
        let data = site.folder.path().join("data");
        permit(site.folder.path(), 0o755)?;
        for entry in std::fs::read_dir(&data).map_err(|error| error.to_string())? {
            let path = entry.map_err(|error| error.to_string())?.path();
            let is_lock = path.ends_with("jisr.lock");
            if is_lock && what == "file" {
                permit(&path, 0o666)?;
            } else if is_lock {
                std::fs::remove_file(&path).map_err(|error| error.to_string())?;
            } else {
                permit(&path, file_mode)?;
            }
        }
        permit(&data, folder_mode)?;
        let refused = refusal(&site, &how, named).await;
        permit(&data, 0o755)?;
        seen.push(format!("{what}: {}", refused?));
    }
    Ok(Seen::Held(seen.join("; ")))
}

fn permit(path: &Path, mode: u32) -> Held<()> {
    use std::os::unix::fs::PermissionsExt;
    let permitted = std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode));
    match permitted {
        // SQLite takes its log away when the last one who has read it has gone.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: {error}", path.display())),
        Ok(()) => Ok(()),
    }
}
