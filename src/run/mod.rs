//! `liveroot run`: a command that sees an image, in namespaces of its own.
//!
//! Five processes:
//!
//! - the *front* is what the user started: it maps ids, passes signals on, and exits with the code;
//! - the *keeper*, its child, has the user and mount namespace, and watches the command (`keeper`);
//! - the *server*, a child of the keeper, serves the image in a sandbox (`serving`);
//! - *init*, a child of the keeper, is process 1 of the PID namespace: when it ends, so has everything
//!   in it (`init`);
//! - the *command*, a child of init (`program`).
//!
//! `order` says what is wanted; `ids` finds and maps ids; `namespace` enters the namespaces;
//! `view` arranges what the command sees of the file tree (`dev` its devices, `placeholder`
//! places in the image to mount on); `supervisor` does in the image what the kernel forbids in user
//! namespaces, by way of the `door`; `stage` keeps changes apart until the command has succeeded.

mod dev;
mod door;
mod front;
mod ids;
mod init;
mod keeper;
mod namespace;
mod order;
mod placeholder;
mod program;
mod serving;
mod stage;
mod supervisor;
mod temporary;
mod view;

pub use front::run;
pub use order::Order;

use serde::{Deserialize, Serialize};

/// Signals that go to the command when they are sent to the front.
const PASSED_ON: [i32; 8] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGCONT,
];

/// What the front waits for: [`PASSED_ON`] and the end of a child.
const WATCHED: [i32; 9] = {
    let mut watched = [libc::SIGCHLD; 9];
    let mut i = 0;
    while i < PASSED_ON.len() {
        watched[i] = PASSED_ON[i];
        i += 1;
    }
    watched
};

/// What the keeper tells the front.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Report {
    /// It is in its user namespace, where no ids are mapped yet.
    Unmapped,
    /// The mount is there.
    Started,
    /// All is in the image; the command ended with this code.
    Ended(u8),
    /// Something failed, and this line says what.
    Failed(String),
}

/// What the front tells the keeper. When it falls silent, the command is to be killed.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Instruction {
    /// Ids are mapped.
    Mapped(ids::Mapped),
    /// The command is to get this signal.
    Signal(i32),
}
