//! The programs of ccbench's src/explore/fixture.h, for loom and for shuttle: how many schedules per second of CPU time?
//!
//!   peers TOOL PROGRAM REQUESTS SECONDS      such as: peers shuttle none 3 0.5
//!
//! TOOL: `shuttle` draws schedules at random, 10 000 at a time; `shuttle-dfs` goes through all that there are, `loom`
//! through all that its model tells apart, and both begin anew when they have. Each goes on until it has had SECONDS of
//! CPU time, and ends what it has begun. Prints a header and one row:
//! tool,program,requests,schedules,searches,oversold,cpu_seconds. `searches` is how often all were gone through, 0 at
//! random. `oversold` counts the schedules that sold the ticket twice: none may under a guard that is right, and some
//! must without one.
//! Exit codes: 0 done, 1 a program did something else, 2 usage.
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Known to neither tool, so that to count costs no schedule.
static SCHEDULES: AtomicU64 = AtomicU64::new(0);
static OVERSOLD: AtomicU64 = AtomicU64::new(0);

trait Guard: Send + Sync + 'static {
    fn new() -> Self;
    /// Answers whether the caller bought the ticket.
    fn run(&self, purchase: impl FnOnce() -> bool) -> bool;
}

/// The same text for both tools, each with its own primitives. `$pause` is what it has for a sleep.
macro_rules! programs {
    ($tool:ident, $pause:expr) => {
        mod $tool {
            use super::{Guard, OVERSOLD, SCHEDULES};
            use std::sync::atomic::{AtomicU32 as PlainU32, Ordering::Relaxed};
            use std::sync::Arc;
            use $tool::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
            use $tool::{sync::Mutex as ItsMutex, thread};

            pub struct None;
            impl Guard for None {
                fn new() -> Self {
                    None
                }
                fn run(&self, purchase: impl FnOnce() -> bool) -> bool {
                    purchase()
                }
            }

            pub struct Mutex(ItsMutex<()>);
            impl Guard for Mutex {
                fn new() -> Self {
                    Mutex(ItsMutex::new(()))
                }
                fn run(&self, purchase: impl FnOnce() -> bool) -> bool {
                    let _lock = self.0.lock().unwrap();
                    purchase()
                }
            }

            /// Turns away whoever comes while another is inside.
            pub struct Cas(AtomicBool);
            impl Guard for Cas {
                fn new() -> Self {
                    Cas(AtomicBool::new(false))
                }
                fn run(&self, purchase: impl FnOnce() -> bool) -> bool {
                    if self
                        .0
                        .compare_exchange(false, true, SeqCst, SeqCst)
                        .is_err()
                    {
                        return false;
                    }
                    let bought = purchase();
                    self.0.store(false, SeqCst);
                    bought
                }
            }

            struct Lotto<G> {
                sold_cell: AtomicU32,
                guard: G,
                sold: PlainU32,
            }

            impl<G: Guard> Lotto<G> {
                fn request(&self) {
                    let bought = self.guard.run(|| {
                        if self.sold_cell.load(SeqCst) != 0 {
                            return false;
                        }
                        $pause;
                        self.sold_cell.store(1, SeqCst);
                        true
                    });
                    if bought {
                        self.sold.fetch_add(1, Relaxed);
                    }
                }
            }

            /// One schedule. The thread that begins it serves the last request, so that there is none that does nothing.
            pub fn schedule<G: Guard>(requests: usize) {
                let lotto = Arc::new(Lotto {
                    sold_cell: AtomicU32::new(0),
                    guard: G::new(),
                    sold: PlainU32::new(0),
                });
                let others: Vec<_> = (1..requests)
                    .map(|_| {
                        let lotto = lotto.clone();
                        thread::spawn(move || lotto.request())
                    })
                    .collect();
                lotto.request();
                for other in others {
                    other.join().unwrap();
                }
                SCHEDULES.fetch_add(1, Relaxed);
                if lotto.sold.load(Relaxed) > 1 {
                    OVERSOLD.fetch_add(1, Relaxed);
                }
            }
        }
    };
}

programs!(loom, thread::yield_now());
programs!(shuttle, thread::sleep(std::time::Duration::ZERO));

type Schedule = fn(usize);

/// What of its settings costs time is as cheap as it can be: no log, no places in the source, no threads to spare.
fn explore_with_loom(schedule: Schedule, requests: usize, _batch: u64) {
    let mut model = ::loom::model::Builder::new();
    model.max_threads = requests;
    model.check(move || schedule(requests));
}

fn draw_with_shuttle(schedule: Schedule, requests: usize, batch: u64) {
    let walk = ::shuttle::scheduler::RandomScheduler::new_from_seed(batch, 10_000);
    ::shuttle::Runner::new(walk, ::shuttle::Config::new()).run(move || schedule(requests));
}

fn explore_with_shuttle(schedule: Schedule, requests: usize, _batch: u64) {
    let all = ::shuttle::scheduler::DfsScheduler::new(None, false);
    ::shuttle::Runner::new(all, ::shuttle::Config::new()).run(move || schedule(requests));
}

fn cpu_seconds() -> f64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is there to be written.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

fn schedule_of(tool: &str, program: &str) -> Option<Schedule> {
    Some(match (tool, program) {
        ("loom", "none") => loom::schedule::<loom::None>,
        ("loom", "cas") => loom::schedule::<loom::Cas>,
        ("loom", "mutex") => loom::schedule::<loom::Mutex>,
        ("shuttle" | "shuttle-dfs", "none") => shuttle::schedule::<shuttle::None>,
        ("shuttle" | "shuttle-dfs", "cas") => shuttle::schedule::<shuttle::Cas>,
        ("shuttle" | "shuttle-dfs", "mutex") => shuttle::schedule::<shuttle::Mutex>,
        _ => return None,
    })
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [tool, program, requests, seconds] = &words[..] else {
        return usage();
    };
    let (Some(schedule), Ok(requests), Ok(seconds)) = (
        schedule_of(tool, program),
        requests.parse::<usize>(),
        seconds.parse::<f64>(),
    ) else {
        return usage();
    };
    let explore = match tool.as_str() {
        "loom" => explore_with_loom,
        "shuttle-dfs" => explore_with_shuttle,
        _ => draw_with_shuttle,
    };

    let begin = cpu_seconds();
    let mut batches = 0;
    let taken = loop {
        batches += 1;
        explore(schedule, requests, batches);
        let taken = cpu_seconds() - begin;
        if taken >= seconds {
            break taken;
        }
    };
    let searches = if tool == "shuttle" { 0 } else { batches };
    let (schedules, oversold) = (SCHEDULES.load(Relaxed), OVERSOLD.load(Relaxed));
    println!("tool,program,requests,schedules,searches,oversold,cpu_seconds");
    println!("{tool},{program},{requests},{schedules},{searches},{oversold},{taken:.6}");
    if (oversold > 0) == (program == "none") {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

fn usage() -> ExitCode {
    eprintln!("peers: expected loom, shuttle or shuttle-dfs; none, cas or mutex; how many requests; seconds of CPU time");
    ExitCode::from(2)
}
