//! Word from outside that files have moved, and what it means for tasks that run: one whose inputs are no longer what it began
//! with is ended, because what it makes is not what is wanted. All others go on.
//!
//! Knows no file events; who watches says that something moved, and the inputs are looked at here.

use std::sync::{Condvar, Mutex};

use crate::analysis::pipeline::Task;
use crate::exec::session::{Session, lock};
use crate::graph::StepId;
use crate::observe::task as observe;
use crate::process::cancel::Cancel;
use crate::system::inputs::Input;

/// Says to a run that something moved. One is shared by whoever watches and the run that is; later runs may take it over.
#[derive(Debug, Default)]
pub struct Touch {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Debug, Default)]
struct State {
    touched: bool,
    over: bool,
}

impl Touch {
    /// Something moved.
    pub fn touch(&self) {
        lock(&self.state).touched = true;
        self.told.notify_all();
    }

    /// Before a run: what moved until now, it will see by itself.
    fn begin(&self) {
        *lock(&self.state) = State::default();
    }

    /// After a run.
    fn end(&self) {
        lock(&self.state).over = true;
        self.told.notify_all();
    }

    /// Waits for the next touch; `false`: the run is over.
    fn wait(&self) -> bool {
        let waiting = |state: &mut State| !state.touched && !state.over;
        let guard = self.told.wait_while(lock(&self.state), waiting);
        let mut state = guard.unwrap_or_else(std::sync::PoisonError::into_inner);
        state.touched = false;
        !state.over
    }
}

/// A task that runs, as it is held in the session.
#[derive(Debug)]
pub struct RunningTask {
    step: StepId,
    inputs: Vec<Input>,
    cancel: Cancel,
}

/// Until this is dropped, a task is among those that run.
pub struct Entered<'a> {
    session: &'a Session<'a>,
    step: StepId,
    /// Cancelled with the run, and alone.
    pub cancel: Cancel,
}

/// Enters a task with the inputs that it begins with. One that works in place moves them itself, and is left alone.
pub fn enter<'a>(session: &'a Session<'a>, step: StepId, task: &Task, inputs: &[Input]) -> Entered<'a> {
    if session.touch.is_none() || task.in_place {
        // Nobody ends it alone: it needs no wake-up of its own.
        return Entered { session, step, cancel: session.cancel.clone() };
    }
    let (cancel, inputs) = (session.cancel.below(), inputs.to_vec());
    lock(&session.running).push(RunningTask { step, inputs, cancel: cancel.clone() });
    Entered { session, step, cancel }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        lock(&self.session.running).retain(|running| running.step != self.step);
    }
}

/// Does some work, and meanwhile ends the tasks whose inputs move.
pub fn during<T>(session: &Session<'_>, work: impl FnOnce() -> T) -> T {
    let Some(touch) = session.touch.as_deref() else { return work() };
    touch.begin();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while touch.wait() {
                end_outdated(session);
            }
        });
        let over = Over(touch);
        let answer = work();
        drop(over);
        answer
    })
}

/// Ends the wait also where the work panics.
struct Over<'a>(&'a Touch);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn end_outdated(session: &Session<'_>) {
    let running: Vec<(StepId, Vec<Input>, Cancel)> = {
        let running = lock(&session.running);
        running.iter().map(|task| (task.step, task.inputs.clone(), task.cancel.clone())).collect()
    };
    for (step, inputs, cancel) in running {
        let crate::graph::StepKind::Task(name) = &session.world.graph.step(step).kind else { continue };
        // An input that cannot be looked at now is for the task itself to fail with.
        let now = observe::inputs(session.world, session.world.task(name), session.hashes);
        if now.is_ok_and(|now| now != inputs) {
            cancel.cancel();
        }
    }
}
