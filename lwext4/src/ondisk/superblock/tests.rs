use super::*;

#[test]
fn sealing_changes_the_first_half_only() {
    let mut sb = Superblock::default();
    sb.set_wtime(1_700_000_000);
    sb.set_checksum(sb.computed_checksum());
    let before = sb.clone();
    for free in [1, 77, u32::MAX] {
        sb.set_free_inodes_count(free);
        assert_ne!(sb.checksum(), sb.computed_checksum());
        sb.seal();
        assert_eq!(sb.checksum(), sb.computed_checksum());
        assert_eq!(sb.as_bytes()[512..], before.as_bytes()[512..]);
        assert_eq!(sb.free_inodes_count(), free);
    }
    let sealed = sb.clone();
    sb.seal();
    assert_eq!(sb, sealed);
}
