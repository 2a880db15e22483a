//! What daemon and monitor say to each other: one question, one answer, each in one packet.

use crate::fuse::processes::Status;
use crate::session::mounts::Device;
use crate::session::options::MountFlags;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// No packet is longer: two paths and some numbers, or a line.
const LONGEST: usize = 64 * 1024;

/// What the monitor may be asked for.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Orders {
    /// Where to mount, as the mount table will show it.
    pub point: Vec<u8>,
    /// What the mount table shows as the source.
    pub source: Vec<u8>,
    /// Flags of the mount.
    pub flags: MountFlags,
    /// Whether other users get in.
    pub allow_other: bool,
    /// Whether the kernel checks permissions.
    pub kernel_checks: bool,
}

/// What the daemon wants.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Ask {
    /// Remember this.
    Orders(Orders),
    /// Mount.
    Mount,
    /// Ask the mount how full it is: a request that no cache answers.
    Look,
    /// Make the control socket.
    Listen,
    /// Unmount.
    Unmount {
        /// Even if it is in use.
        lazy: bool,
    },
    /// End the connection.
    Abort,
    /// Tell of a thread.
    Status(u32),
    /// Leave nothing behind.
    Finish,
}

/// What the monitor answers; a descriptor may come along.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Answer {
    /// It is done.
    Done,
    /// It is mounted, with this device; the connection comes along.
    Mounted(Device),
    /// The mount is in use.
    Busy,
    /// What is known of a thread.
    Status(Option<Status>),
    /// It failed: the line that says how, and the exit code.
    Failed(String, u8),
}

/// Two ends.
pub fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let pair = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    Ok(pair)
}

/// Asks, and waits for the answer.
pub fn exchange(channel: &OwnedFd, ask: &Ask) -> io::Result<(Answer, Option<OwnedFd>)> {
    send(channel, ask, None)?;
    receive(channel)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// Sends a packet, and a descriptor with it.
pub fn send<T: Serialize>(
    channel: &OwnedFd,
    message: &T,
    descriptor: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message).map_err(io::Error::other)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.as_ref().map(std::slice::from_ref);
    if let Some(descriptors) = descriptors {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    rustix::io::retry_on_intr(|| {
        sendmsg(
            channel,
            &[IoSlice::new(&bytes)],
            &mut control,
            SendFlags::NOSIGNAL,
        )
    })?;
    Ok(())
}

/// Waits for a packet; `None` when the other end is closed.
pub fn receive<T: DeserializeOwned>(channel: &OwnedFd) -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut bytes = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        let mut slices = [IoSliceMut::new(&mut bytes)];
        recvmsg(
            channel.as_fd(),
            &mut slices,
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?;
    let descriptor = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let Some(text) = bytes.get(..received.bytes).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let message = serde_json::from_slice(text).map_err(io::Error::other)?;
    Ok(Some((message, descriptor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn packets_arrive_whole_with_their_descriptors() {
        let (one, two) = channel().unwrap();
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        send(&one, &Answer::Mounted((0, 57)), Some(theirs.as_fd())).unwrap();
        send(&one, &Answer::Failed("a\nb".to_owned(), 2), None).unwrap();
        drop((one, theirs));
        let (first, descriptor) = receive::<Answer>(&two).unwrap().unwrap();
        assert_eq!(first, Answer::Mounted((0, 57)));
        drop(descriptor.unwrap());
        // That was the last copy of the other end.
        assert_eq!(ours.read(&mut [0]).unwrap(), 0);
        let (second, descriptor) = receive::<Answer>(&two).unwrap().unwrap();
        assert_eq!(second, Answer::Failed("a\nb".to_owned(), 2));
        assert!(descriptor.is_none());
        assert!(receive::<Answer>(&two).unwrap().is_none());
    }
}
