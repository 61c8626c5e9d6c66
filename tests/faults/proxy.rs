//! A TCP proxy that behaves as networks do on bad days. Each direction has a [`Fault`] of its own:
//!
//! ```text
//!   client ──▶ pump(up) ───▶ server       a pump ends with the bytes (FIN is passed on),
//!   client ◀── pump(down) ◀── server      or breaks the whole connection at byte n
//! ```
//!
//! What it does by chance it draws from a seed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::support::Random;

/// What happens to the bytes of one direction. Bytes are counted from 0, the handshake's included.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Nothing.
    Clear,
    /// Each piece arrives up to so much later than it would; order is kept.
    Delay(Duration),
    /// Every byte is a write of its own.
    Bytes,
    /// Bytes are gathered, up to so many or until nothing comes for a millisecond.
    Coalesce(usize),
    /// So many bytes a second.
    Throttle(usize),
    /// Behind so many bytes one at a time, each so much later.
    Drip(usize, Duration),
    /// The direction ends behind so many bytes, with a FIN; what still comes is dropped. The other
    /// direction goes on.
    HalfClose(usize),
    /// Both ends get a reset behind so many bytes.
    Reset(usize),
    /// Behind so many bytes nothing arrives any more, in either direction: it is taken and dropped,
    /// ends and resets too.
    BlackHole(usize),
    /// The same, but nothing is taken either: what is sent piles up.
    Stall(usize),
}

/// Listens on a port of its own until it is dropped; then its connections end as well.
pub struct Proxy {
    pub address: SocketAddr,
    /// How many bytes were passed on to the server, and to the client, over all connections.
    pub passed: [Arc<AtomicUsize>; 2],
    task: AbortHandle,
}

impl Proxy {
    pub async fn open(server: SocketAddr, up: Fault, down: Fault, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let passed = [Arc::<AtomicUsize>::default(), Arc::default()];
        let counts = passed.clone();
        let task = tokio::spawn(async move {
            // Aborted with this task.
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (inner, _) = listener.accept().await.unwrap();
                let random = [2 * number, 2 * number + 1].map(|n| Random::new(seed ^ (n << 32)));
                connections.spawn(connection(inner, server, [up, down], random, counts.clone()));
            }
        });
        Self { address, passed, task: task.abort_handle() }
    }

    pub fn passed(&self) -> [usize; 2] {
        self.passed.each_ref().map(|count| count.load(Relaxed))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a pump breaks a connection.
enum Break {
    Reset,
    Silence { taking: bool },
}

impl From<io::Error> for Break {
    /// One end was reset, so the other is.
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

async fn connection(
    mut inner: TcpStream,
    server: SocketAddr,
    [up, down]: [Fault; 2],
    [up_random, down_random]: [Random; 2],
    [up_count, down_count]: [Arc<AtomicUsize>; 2],
) {
    let Ok(mut outer) = TcpStream::connect(server).await else { return };
    for stream in [&inner, &outer] {
        stream.set_nodelay(true).unwrap();
    }
    let (inner_read, inner_write) = inner.split();
    let (outer_read, outer_write) = outer.split();
    let pumps = tokio::try_join!(
        pump(Line { from: inner_read, to: outer_write, count: &up_count, random: up_random }, up),
        pump(
            Line { from: outer_read, to: inner_write, count: &down_count, random: down_random },
            down
        ),
    );
    match pumps {
        Ok(_) => {}
        // Dropped so, both send one.
        Err(Break::Reset) => {
            [inner, outer].iter().for_each(|stream| stream.set_zero_linger().unwrap());
        }
        Err(Break::Silence { taking }) => {
            if taking {
                tokio::join!(swallow(&mut inner), swallow(&mut outer));
            }
            std::future::pending::<()>().await;
        }
    }
}

/// Takes bytes until the end, which it keeps to itself.
async fn swallow(stream: &mut TcpStream) {
    let mut piece = vec![0; PIECE];
    while matches!(stream.read(&mut piece).await, Ok(1..)) {}
}

/// One direction of a connection.
struct Line<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    count: &'a AtomicUsize,
    random: Random,
}

impl Line<'_> {
    async fn pass(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes).await?;
        self.count.fetch_add(bytes.len(), Relaxed);
        Ok(())
    }

    /// Passes on the first `limit` bytes; whether there were so many.
    async fn pass_first(&mut self, limit: usize) -> io::Result<bool> {
        let mut piece = vec![0; PIECE];
        let mut left = limit;
        while left > 0 {
            let most = left.min(PIECE);
            let len = self.from.read(&mut piece[..most]).await?;
            if len == 0 {
                return Ok(false);
            }
            self.pass(&piece[..len]).await?;
            left -= len;
        }
        Ok(true)
    }
}

async fn pump(mut line: Line<'_>, fault: Fault) -> Result<(), Break> {
    match fault {
        Fault::Clear => _ = line.pass_first(usize::MAX).await?,
        Fault::Delay(most) => delay(&mut line, most).await?,
        Fault::Bytes => one_by_one(&mut line, None).await?,
        Fault::Coalesce(most) => coalesce(&mut line, most).await?,
        Fault::Throttle(rate) => throttle(&mut line, rate).await?,
        Fault::Drip(n, every) => {
            if line.pass_first(n).await? {
                one_by_one(&mut line, Some(every)).await?;
            }
        }
        Fault::HalfClose(n) => {
            if line.pass_first(n).await? {
                line.to.shutdown().await?;
                let mut piece = vec![0; PIECE];
                while line.from.read(&mut piece).await? > 0 {}
                return Ok(());
            }
        }
        Fault::Reset(n) => {
            if line.pass_first(n).await? {
                return Err(Break::Reset);
            }
        }
        Fault::BlackHole(n) | Fault::Stall(n) => {
            if line.pass_first(n).await? {
                let taking = matches!(fault, Fault::BlackHole(_));
                return Err(Break::Silence { taking });
            }
        }
    }
    Ok(line.to.shutdown().await?)
}

async fn delay(line: &mut Line<'_>, most: Duration) -> io::Result<()> {
    let Line { from, to, count, random } = line;
    let (late, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(1000);
    let taking = async {
        let mut piece = vec![0; PIECE];
        loop {
            let len = from.read(&mut piece).await?;
            if len == 0 {
                drop(late);
                return Ok(());
            }
            let wait = most * random.below(1000) as u32 / 1000;
            // The writer is gone only if it has failed, which ends this too.
            let _ = late.send((Instant::now() + wait, piece[..len].to_vec())).await;
        }
    };
    let giving = async {
        while let Some((at, bytes)) = due.recv().await {
            sleep_until(at).await;
            to.write_all(&bytes).await?;
            count.fetch_add(bytes.len(), Relaxed);
        }
        Ok(())
    };
    tokio::try_join!(taking, giving).map(|_| ())
}

async fn one_by_one(line: &mut Line<'_>, every: Option<Duration>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        let len = line.from.read(&mut piece).await?;
        if len == 0 {
            return Ok(());
        }
        for byte in &piece[..len] {
            if let Some(every) = every {
                sleep(every).await;
            }
            line.pass(std::slice::from_ref(byte)).await?;
        }
    }
}

async fn coalesce(line: &mut Line<'_>, most: usize) -> io::Result<()> {
    let (mut piece, mut gathered) = (vec![0; PIECE], Vec::new());
    loop {
        let more = line.from.read(&mut piece);
        // The first may take its time.
        let patience = Duration::from_millis(if gathered.is_empty() { 3_600_000 } else { 1 });
        let read = timeout(patience, more).await;
        let pause = read.is_err();
        let len = read.unwrap_or(Ok(0))?;
        gathered.extend_from_slice(&piece[..len]);
        let ended = len == 0 && !pause;
        if ended || pause || gathered.len() >= most {
            line.pass(&gathered).await?;
            gathered.clear();
        }
        if ended {
            return Ok(());
        }
    }
}

async fn throttle(line: &mut Line<'_>, rate: usize) -> io::Result<()> {
    let turn = Duration::from_millis(5);
    let mut piece = vec![0; (rate / 200).max(1)];
    let mut next = Instant::now();
    loop {
        let len = line.from.read(&mut piece).await?;
        if len == 0 {
            return Ok(());
        }
        line.pass(&piece[..len]).await?;
        next = next.max(Instant::now()) + turn;
        sleep_until(next).await;
    }
}

const PIECE: usize = 16 << 10;
