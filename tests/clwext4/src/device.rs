//! A file as C lwext4's block device.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Error};
use std::os::unix::fs::FileExt as _;
use std::ptr;
use std::slice;

use lwext4_sys::{ext4_blockdev, ext4_blockdev_iface};

const SECTOR: usize = 512;
pub const EIO: c_int = 5;

/// What C lwext4 keeps pointers to while the device is registered: its parts are boxed and never move.
pub struct Device {
    device: Box<ext4_blockdev>,
    _interface: Box<ext4_blockdev_iface>,
    _file: Box<File>,
    _sector: Box<[u8; SECTOR]>,
}

impl Device {
    pub fn new(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut file = Box::new(file);
        let mut sector = Box::new([0; SECTOR]);
        let mut interface = Box::new(ext4_blockdev_iface {
            open: Some(nothing),
            bread: Some(read),
            bwrite: Some(write),
            close: Some(nothing),
            lock: None,
            unlock: None,
            ph_bsize: SECTOR as u32,
            ph_bcnt: size / SECTOR as u64,
            ph_bbuf: sector.as_mut_ptr(),
            ph_refctr: 0,
            bread_ctr: 0,
            bwrite_ctr: 0,
            p_user: ptr::from_mut(&mut *file).cast(),
        });
        let device = Box::new(ext4_blockdev {
            bdif: &mut *interface,
            part_offset: 0,
            part_size: size,
            bc: ptr::null_mut(),
            lg_bsize: 0,
            lg_bcnt: 0,
            cache_write_back: 0,
            fs: ptr::null_mut(),
            journal: ptr::null_mut(),
        });
        Ok(Self {
            device,
            _interface: interface,
            _file: file,
            _sector: sector,
        })
    }

    /// For `ext4_device_register`; good for as long as `self`.
    pub fn as_ptr(&mut self) -> *mut ext4_blockdev {
        &mut *self.device
    }
}

extern "C" fn nothing(_: *mut ext4_blockdev) -> c_int {
    0
}

fn status(done: Result<(), Error>) -> c_int {
    match done {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(EIO),
    }
}

/// # Safety
/// `device` is one that [`Device::new`] made, and alive.
unsafe fn file_of<'a>(device: *mut ext4_blockdev) -> &'a File {
    // SAFETY: `new` points `bdif` and `p_user` at boxes that live as long as the device.
    unsafe { &*(*(*device).bdif).p_user.cast::<File>() }
}

unsafe extern "C" fn read(
    device: *mut ext4_blockdev,
    buffer: *mut c_void,
    sector: u64,
    count: u32,
) -> c_int {
    if count == 0 {
        return 0;
    }
    // SAFETY: C lwext4 calls with the device that was registered, and a buffer of `count` sectors.
    let (file, buffer) = unsafe {
        let length = count as usize * SECTOR;
        let buffer = slice::from_raw_parts_mut(buffer.cast::<u8>(), length);
        (file_of(device), buffer)
    };
    status(file.read_exact_at(buffer, sector * SECTOR as u64))
}

unsafe extern "C" fn write(
    device: *mut ext4_blockdev,
    buffer: *const c_void,
    sector: u64,
    count: u32,
) -> c_int {
    if count == 0 {
        return 0;
    }
    // SAFETY: as in `read`.
    let (file, buffer) = unsafe {
        let length = count as usize * SECTOR;
        let buffer = slice::from_raw_parts(buffer.cast::<u8>(), length);
        (file_of(device), buffer)
    };
    status(file.write_all_at(buffer, sector * SECTOR as u64))
}
