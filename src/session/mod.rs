//! Getting an image mounted and unmounted.
//!
//! Mounting: [`options`] says what is wanted; [`image`] finds, opens and locks the bytes
//! ([`partition`] looks into disks, [`sniff`] names what is not ext4, [`in_use`] asks who else has
//! the file); [`who`] decides who is who; [`mountpoint`] checks the directory; [`attach`] makes the
//! mount appear; [`daemon`] starts the process and [`serving`] serves, to the verdict, in a sandbox; its
//! [`monitor`] does what needs more.
//!
//! Unmounting: [`control`] is how `liveroot umount` finds the daemon and hears its verdict;
//! [`aftermath`] is what can be said without it; [`detach`] takes the mount away; [`holders`] names the
//! processes in the way; [`mounts`] reads the kernel's mount table, [`loops`] its loop devices.

pub mod aftermath;
pub mod attach;
pub mod background;
pub mod control;
pub mod daemon;
pub mod detach;
pub mod holders;
pub mod image;
pub mod in_use;
pub mod log;
pub mod loops;
pub mod monitor;
pub mod mountpoint;
pub mod mounts;
pub mod options;
pub mod partition;
pub mod serving;
pub mod sniff;
pub mod stats;
pub mod verdict;
pub mod who;
