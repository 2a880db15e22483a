//! The table. A feature that liveroot learns to write loses its `read_only` or `refused`.

use crate::extra;
use crate::row::{Row, created, row};

macro_rules! rows {
    ($($name:ident: $row:expr;)*) => {
        /// All rows.
        const ROWS: &[(&str, Row)] = &[$((stringify!($name), $row)),*];
        $(
            #[test]
            fn $name() {
                let row: Row = $row;
                row.run(stringify!($name));
            }
        )*
    };
}

/// Features of which there was only ever the name.
const NEVER: &str = "no implementation of this feature exists";

rows! {
    // ext2 and ext3.
    ext2_of_1998: row("-t ext2 -r 0 -b 1024 -N 16384").extra(extra::deep_map);
    ext2_without_features: row("-t ext2 -O none -I 128 -b 1024 -N 16384").extra(extra::deep_map);
    ext2: row("-t ext2 -N 16384").extra(extra::deep_map);
    ext2_block_4096: row("-t ext2 -b 4096 -N 16384").extra(extra::deep_map);
    ext3: row("-t ext3 -N 16384").extra(extra::deep_map);
    ext3_inode_128: row("-t ext3 -I 128 -b 1024 -N 16384").extra(extra::deep_map);
    ext3_block_4096: row("-t ext3 -b 4096 -N 16384").extra(extra::deep_map);
    no_extent: row("-t ext4 -O ^extent,^64bit -N 16384").extra(extra::deep_map);
    no_journal: row("-t ext4 -O ^has_journal -N 16384");
    no_dir_index: row("-t ext4 -O ^dir_index -N 16384");
    no_filetype: row("-t ext4 -O ^filetype -N 16384");
    no_ext_attr: row("-t ext4 -O ^ext_attr -N 16384");
    no_sparse_super: row("-t ext4 -O ^sparse_super,^resize_inode -b 1024 -N 16384");
    no_extra_isize: row("-t ext4 -O ^extra_isize,^metadata_csum -N 16384");
    no_huge_file: row("-t ext4 -O ^huge_file -N 16384");
    hash_legacy: row("-t ext4 -N 16384").then("tune2fs -E hash_alg=legacy \"$1\"");
    hash_half_md4: row("-t ext4 -N 16384").then("tune2fs -E hash_alg=half_md4 \"$1\"");
    hash_tea: row("-t ext4 -N 16384").then("tune2fs -E hash_alg=tea \"$1\"");
    hash_unsigned: row("-t ext4 -O ^metadata_csum -N 16384").then("debugfs -w -R 'ssv flags 2' \"$1\" 2>&1");
    dir_prealloc: row("-t ext4 -N 16384").then("debugfs -w -R 'feature dir_prealloc' \"$1\" 2>&1");
    imagic_inodes: row("-t ext4 -N 16384").then("debugfs -w -R 'feature imagic_inodes' \"$1\" 2>&1");

    // Sizes.
    block_1024: row("-t ext4 -b 1024 -N 16384");
    block_2048: row("-t ext4 -b 2048 -N 16384");
    block_4096: row("-t ext4 -b 4096 -N 16384");
    block_8192: row("-t ext4 -b 8192 -N 16384").mib(512);
    block_16384: row("-t ext4 -b 16384 -N 16384").mib(1024);
    block_32768: row("-t ext4 -b 32768 -N 16384").mib(2048);
    block_65536: row("-t ext4 -b 65536 -N 16384").mib(4096);
    ext2_block_65536: row("-t ext2 -b 65536 -N 16384").mib(4096);
    inode_128: row("-t ext4 -I 128 -N 16384");
    inode_256: row("-t ext4 -I 256 -N 16384");
    inode_512: row("-t ext4 -I 512 -N 16384");
    inode_1024: row("-t ext4 -I 1024 -N 16384");
    bit32: row("-t ext4 -O ^64bit -N 16384");
    bit64: row("-t ext4 -O 64bit -N 16384");
    huge_file: row("-t ext4 -O huge_file -N 16384");

    // Groups.
    meta_bg: row("-t ext4 -O meta_bg,^resize_inode -b 1024 -N 65536").mib(512);
    meta_bg_bit32: row("-t ext4 -O meta_bg,^resize_inode,^64bit,^flex_bg -b 1024 -N 65536").mib(512);
    sparse_super2: row("-t ext4 -O sparse_super2 -b 1024 -N 16384");
    sparse_super2_one_copy: row("-t ext4 -O sparse_super2 -E num_backup_sb=1 -b 1024 -N 16384");
    uninit_bg: row("-t ext4 -O ^metadata_csum,uninit_bg -N 16384");
    no_group_checksums: row("-t ext4 -O ^metadata_csum,^uninit_bg -N 16384");
    flex_bg_1: row("-t ext4 -G 1 -b 1024 -N 16384");
    flex_bg_16: row("-t ext4 -G 16 -b 1024 -N 16384");
    flex_bg_64: row("-t ext4 -G 64 -b 1024 -N 16384").mib(1024);
    no_flex_bg: row("-t ext4 -O ^flex_bg -b 1024 -N 16384");

    // ext4-view reads what is in unwritten blocks.
    bigalloc: row("-t ext4 -O bigalloc -N 16384").extra(extra::cut_clusters).without_ext4_view();
    bigalloc_block_4096: row("-t ext4 -O bigalloc -b 4096 -C 65536 -N 16384").mib(1024).extra(extra::cut_clusters).without_ext4_view();
    bigalloc_cluster_is_block: row("-t ext4 -O bigalloc -b 4096 -C 4096 -N 16384").extra(extra::cut_clusters).without_ext4_view();
    bigalloc_1_mib: row("-t ext4 -O bigalloc,^64bit,^flex_bg -b 4096 -C 1048576 -N 16384").mib(8192).full_mib(24576);
    bigalloc_no_journal: row("-t ext4 -O bigalloc,^has_journal,^metadata_csum -b 1024 -C 4096 -N 16384");

    // What `liveroot create` makes, where mke2fs's rows do not say it.
    created_bigalloc: created("-O bigalloc -N 16384").extra(extra::cut_clusters).without_ext4_view();
    created_bigalloc_block_4096: created("-O bigalloc,orphan_file -b 4096 -C 64K -N 16384").mib(1024);
    created_block_65536: created("-b 64K -N 16384").mib(4096);
    created_ext2: created("-O none,ext_attr,resize_inode,dir_index,filetype,sparse_super,large_file -N 16384");

    // Checksums.
    metadata_csum: row("-t ext4 -O metadata_csum,^metadata_csum_seed -N 16384");
    metadata_csum_seed: row("-t ext4 -O metadata_csum,metadata_csum_seed -N 16384");
    metadata_csum_new_uuid: row("-t ext4 -O metadata_csum,^metadata_csum_seed -N 16384")
        .then("tune2fs -U random \"$1\"")
        .between("e2fsck -fy \"$1\" >/dev/null; tune2fs -U random \"$1\"");
    metadata_csum_seed_new_uuid: row("-t ext4 -O metadata_csum,metadata_csum_seed -N 16384")
        .then("tune2fs -U random \"$1\"")
        .between("tune2fs -U random \"$1\"");

    // The journal, orphans, numbers.
    orphan_file: row("-t ext4 -O orphan_file -N 16384");
    fast_commit: row("-t ext4 -O fast_commit -N 16384");
    stable_inodes: row("-t ext4 -O stable_inodes -N 16384");

    // What inodes carry.
    inline_data: row("-t ext4 -O inline_data -N 16384");
    inline_data_inode_1024: row("-t ext4 -O inline_data -I 1024 -N 16384").without_ext4_view();
    quota: row("-t ext4 -O quota -N 16384");
    project: row("-t ext4 -O quota,project -E quotatype=usrquota:grpquota:prjquota -N 16384");
    project_without_quota: row("-t ext4 -O project -N 16384");
    verity: row("-t ext4 -O verity -N 16384");
    // ext4-view does not know it.
    mmp: row("-t ext4 -O mmp -N 16384").without_ext4_view();
    // ext4-view does not know these three; nor does every kernel know casefold.
    ea_inode: row("-t ext4 -O ea_inode -N 16384").without_ext4_view();
    casefold: row("-t ext4 -O casefold -N 16384").without_ext4_view();
    encrypt: row("-t ext4 -O encrypt -N 16384").without_ext4_view();
    bigalloc_with_all: row("-t ext4 -O bigalloc,quota,project,inline_data,orphan_file -b 4096 -C 16384 -N 16384")
        .extra(extra::cut_clusters)
        .without_ext4_view();

    // Directories.
    dir_nlink: row("-t ext4 -O dir_nlink -b 1024 -N 98304").mib(512).extra(extra::many_subdirectories);
    no_dir_nlink: row("-t ext4 -O ^dir_nlink -b 1024 -N 98304").mib(512).extra(extra::all_subdirectories);
    large_dir: row("-t ext4 -O large_dir -b 1024 -N 16384").extra(extra::three_levels);
    // ext4-view does not follow a hash into the next block. How many names fit depends on the hash's seed.
    no_large_dir: row("-t ext4 -b 1024 -N 16384 -E hash_seed=6f1b3c52-9d3e-4a0b-8f7c-2e5d1a9b4c80").extra(extra::two_levels).without_ext4_view();

    // Only read.
    shared_blocks: row("-t ext4 -N 16384")
        .then("debugfs -w -R 'feature shared_blocks' \"$1\" 2>&1")
        .read_only("feature shared_blocks allows reading only");
    marked_read_only: row("-t ext4 -N 16384")
        .then("debugfs -w -R 'feature read-only' \"$1\" 2>&1")
        .read_only("feature read-only allows reading only");

    journal_elsewhere: row("-t ext4 -N 16384")
        .then("debugfs -w -R 'ssv journal_inum 0' \"$1\" 2>&1; debugfs -w -R 'ssv journal_dev 2049' \"$1\" 2>&1")
        .read_only("external journal");
    quota_with_ea_inode: row("-t ext4 -O quota,ea_inode -N 16384").read_only("allow");

    // Refused.
    external_journal: row("-O journal_dev -b 4096").refused("this is an external journal, not a file system");
    compression: row("-t ext4").then("debugfs -w -R 'feature FEATURE_I0' \"$1\" 2>&1").refused(NEVER);
    dirdata: row("-t ext4").then("debugfs -w -R 'feature FEATURE_I12' \"$1\" 2>&1").refused(NEVER);
    btree_dir: row("-t ext4").then("debugfs -w -R 'feature FEATURE_R2' \"$1\" 2>&1").refused(NEVER);
    snapshot_bitmap: row("-t ext4").then("debugfs -w -R 'feature FEATURE_R7' \"$1\" 2>&1").refused(NEVER);
    replica: row("-t ext4").then("debugfs -w -R 'feature FEATURE_R11' \"$1\" 2>&1").refused(NEVER);
    unknown_incompat: row("-t ext4")
        .then("debugfs -w -R 'feature FEATURE_I30' \"$1\" 2>&1")
        .refused("unknown feature FEATURE_I30");
    unknown_ro_compat: row("-t ext4")
        .then("debugfs -w -R 'feature FEATURE_R30' \"$1\" 2>&1")
        .read_only("unknown feature FEATURE_R30");
}

/// Set while an image is in use, and gone afterwards.
const IN_USE: [&str; 2] = ["needs_recovery", "orphan_present"];

#[test]
fn every_feature_has_a_row() {
    use crate::support::command::{command, output};
    use crate::support::image::LIVEROOT;
    use crate::support::requirements::{Need, can_run};
    use lwext4::ondisk::features::TABLE;

    let needs = [Need::Program("mke2fs"), Need::Program("debugfs")];
    if !can_run("every_feature_has_a_row", &needs) {
        return;
    }
    let mut missing: Vec<&str> = TABLE.iter().map(|feature| feature.name).collect();
    missing.retain(|name| !IN_USE.contains(name));
    for (_, row) in ROWS {
        let image = row.make();
        let told = output(command(LIVEROOT, ["info"]).arg(&image.path));
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let list = told
            .lines()
            .find_map(|line| line.strip_prefix("Features:"))
            .unwrap_or_default();
        missing.retain(|name| !list.split_whitespace().any(|feature| feature == *name));
    }
    assert!(missing.is_empty(), "no row for {missing:?}");
}
