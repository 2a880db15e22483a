//! A workload's history, and whether what a crash left is a moment of it that was allowed.

use crate::model::{Found, Id, Kind, Tree};
use std::collections::HashMap;
use std::sync::Arc;

/// The tree after an operation.
pub struct Step {
    pub tree: Tree,
    /// How many events the device had seen when the operation began.
    pub started: usize,
    /// A file that the operation changes in several transactions: its size may be in between.
    pub partial: Option<Id>,
    /// The operation, in words.
    pub what: String,
    text: String,
    /// Files by path.
    files: HashMap<String, Id>,
}

/// What a sync promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything done so far.
    All,
    /// One file: its data, its attributes, its names.
    File(Id),
    /// One file's data and its names.
    Data(Id),
}

#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// How many events there were when the sync returned.
    pub at: usize,
    /// The state it is about.
    pub step: usize,
    pub scope: Scope,
}

/// Everything that happened, and everything that was promised.
pub struct History {
    pub steps: Vec<Step>,
    pub promises: Vec<Promise>,
}

impl History {
    /// Starts with the tree that the image has.
    pub fn new(tree: Tree) -> History {
        let mut history = History {
            steps: Vec::new(),
            promises: Vec::new(),
        };
        history.add(tree, 0, None, "start".into());
        history.promise(0, Scope::All);
        history
    }

    pub fn add(&mut self, tree: Tree, started: usize, partial: Option<Id>, what: String) {
        let listing = tree.listing();
        let text = listing.text(&[]);
        let files = listing
            .entries
            .iter()
            .map(|e| (e.path.clone(), e.file as Id))
            .collect();
        self.steps.push(Step {
            tree,
            started,
            partial,
            what,
            text,
            files,
        });
    }

    /// The last state is durable, as far as `scope` says, from event `at` on.
    pub fn promise(&mut self, at: usize, scope: Scope) {
        self.promises.push(Promise {
            at,
            step: self.steps.len() - 1,
            scope,
        });
    }

    /// Whether `found` is what a cut after `events` events may leave.
    pub fn check(&self, events: usize, found: &Found) -> Result<(), String> {
        self.check_from(events, true, found)
    }

    /// [`Self::check`]; unless `kept`, no promise counts, and what is found need only be a state.
    pub fn check_from(&self, events: usize, kept: bool, found: &Found) -> Result<(), String> {
        let last = self
            .steps
            .iter()
            .rposition(|step| step.started < events)
            .unwrap_or(0);
        let made: Vec<&Promise> = self
            .promises
            .iter()
            .filter(|p| kept && p.at <= events)
            .collect();
        // An operation that wrote nothing can have been synced without an event after it.
        let last = made.iter().map(|p| p.step).fold(last, usize::max);
        let first = made
            .iter()
            .filter(|p| p.scope == Scope::All)
            .map(|p| p.step)
            .max();
        let first = first.unwrap_or(0);
        let text = found.listing.text(&[]);
        let mut why = Vec::new();
        for step in first..=last {
            if self.steps[step].text != text {
                continue;
            }
            match self.check_moment(step, last, &made, found, None) {
                Ok(()) => return Ok(()),
                Err(error) => why.push(format!("state {step}: {error}")),
            }
        }
        for step in first..last {
            let Some(file) = self.steps[step + 1].partial else {
                continue;
            };
            let names = self.steps[step].files.iter().filter(|(_, id)| **id == file);
            let names: Vec<&str> = names.map(|(path, _)| path.as_str()).collect();
            let listing = self.steps[step].tree.listing();
            if listing.text(&names) != found.listing.text(&names) {
                continue;
            }
            match self.check_moment(step, last, &made, found, Some(file)) {
                Ok(()) => return Ok(()),
                Err(error) => why.push(format!("between {step} and the next: {error}")),
            }
        }
        if why.is_empty() {
            why.push(self.nearest(first, last, &text));
        }
        Err(format!(
            "after {events} events, states {first}..={last}: {}",
            why.join("\n")
        ))
    }

    /// What is different from the state that differs least.
    fn nearest(&self, first: usize, last: usize, text: &str) -> String {
        let difference = |step: usize| {
            let (a, b): (Vec<&str>, Vec<&str>) = (
                self.steps[step].text.lines().collect(),
                text.lines().collect(),
            );
            let short = |line: &str| line.chars().take(200).collect::<String>();
            let missing = a
                .iter()
                .filter(|line| !b.contains(line))
                .map(|l| format!("- {}", short(l)));
            let added = b
                .iter()
                .filter(|line| !a.contains(line))
                .map(|l| format!("+ {}", short(l)));
            missing.chain(added).collect::<Vec<_>>()
        };
        let best = (first..=last)
            .min_by_key(|&step| difference(step).len())
            .unwrap_or(first);
        let next = self
            .steps
            .get(best + 1)
            .map_or("nothing", |step| &step.what);
        format!(
            "no such state; nearest is {best} (after {}; then came {next}):\n{}",
            self.steps[best].what,
            difference(best).join("\n")
        )
    }

    /// Whether `found`, whose names are those of state `now`, keeps the promises and has the
    /// content that its files had then, or got later. `between`: a file halfway to the next state.
    fn check_moment(
        &self,
        now: usize,
        last: usize,
        made: &[&Promise],
        found: &Found,
        between: Option<Id>,
    ) -> Result<(), String> {
        let mut synced: HashMap<Id, usize> = HashMap::new();
        for promise in made {
            let (id, data) = match promise.scope {
                Scope::All => continue,
                Scope::File(id) => (id, false),
                Scope::Data(id) => (id, true),
            };
            let at = synced.entry(id).or_default();
            *at = (*at).max(promise.step);
            if promise.step > now && !self.unchanged(id, now, promise.step, data) {
                return Err(format!(
                    "step {} ({}) was synced",
                    promise.step, self.steps[promise.step].what
                ));
            }
        }
        for (path, content) in &found.contents {
            let id = self.steps[now].files[path];
            let from = now.max(synced.get(&id).copied().unwrap_or(0));
            let mut allowed: Vec<&Arc<Vec<u8>>> = Vec::new();
            let mut gone = false;
            for step in &self.steps[from..=last] {
                match step.tree.nodes.get(&id).and_then(|node| node.content()) {
                    Some(content) if allowed.last().is_some_and(|a| Arc::ptr_eq(a, content)) => {}
                    Some(content) => allowed.push(content),
                    None => gone = true,
                }
            }
            let _ = gone;
            if between == Some(id) {
                let sizes = [now, now + 1].map(|step| {
                    let node = self.steps[step].tree.nodes.get(&id);
                    node.and_then(|node| node.content())
                        .map_or(0, |content| content.len())
                });
                let range = sizes[0].min(sizes[1])..=sizes[0].max(sizes[1]);
                if !range.contains(&content.len()) {
                    return Err(format!("{path} has {} bytes", content.len()));
                }
            }
            check_content(path, content, &allowed)?;
        }
        Ok(())
    }

    /// Whether a file is in both states what a sync of it promises.
    fn unchanged(&self, id: Id, a: usize, b: usize, data_only: bool) -> bool {
        let (a, b) = (&self.steps[a].tree, &self.steps[b].tree);
        let (Some(old), Some(new)) = (a.nodes.get(&id), b.nodes.get(&id)) else {
            return false;
        };
        // Contents are compared with what is found; here only their length.
        let kind = match (&old.kind, &new.kind) {
            (Kind::File(old), Kind::File(new)) => old.len() == new.len(),
            (old, new) => old == new,
        };
        let attributes = |node: &crate::model::Node| (node.perm, node.uid, node.gid);
        let same = data_only || (attributes(old) == attributes(new) && old.xattrs == new.xattrs);
        kind && same && a.links(id) == b.links(id)
    }
}

/// Every byte must be what one of the states has there; behind the end of one, zero.
fn check_content(path: &str, found: &[u8], allowed: &[&Arc<Vec<u8>>]) -> Result<(), String> {
    if allowed.first().is_some_and(|first| first[..] == *found) {
        return Ok(());
    }
    for (at, &byte) in found.iter().enumerate() {
        if !allowed
            .iter()
            .any(|content| byte == content.get(at).copied().unwrap_or(0))
        {
            let wrong = found[at..].iter().enumerate().take_while(|&(i, &byte)| {
                !allowed
                    .iter()
                    .any(|c| byte == c.get(at + i).copied().unwrap_or(0))
            });
            return Err(format!(
                "{path} ({} bytes): {} wrong bytes at {at}, first {byte:#x} (one of {} contents, first {:?})",
                found.len(),
                wrong.count(),
                allowed.len(),
                allowed.first().and_then(|c| c.get(at)),
            ));
        }
    }
    Ok(())
}
