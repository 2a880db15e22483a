//! Who sent a request.

/// The process that a request comes from, as the image knows it.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The user that its file accesses are made as: the image's number.
    pub uid: u32,
    /// Likewise, the group.
    pub gid: u32,
    /// Its thread, or 0 if it is outside of our process namespace.
    pub tid: u32,
    /// Whether it may do what others may not.
    pub is_root: bool,
    /// Whether it is the image's root without being the host's: the kernel takes it for an ordinary
    /// user, and asks that setuid be cleared where root would keep it.
    pub in_disguise: bool,
    /// Whether it is the host's user that this process runs as: who mounted.
    pub is_mounter: bool,
}
