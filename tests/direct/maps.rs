//! liveroot map.

use crate::pair::Pair;
use crate::support::requirements::{Need, can_run};

#[test]
fn a_map_names_everything_that_takes_space() {
    if !can_run(
        "a_map_names_everything_that_takes_space",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let before = pair.hash();
    let svg = pair.done(
        "map @ -o -"
            .replace('@', &pair.ours.path.display().to_string())
            .as_str(),
    );
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    for text in [
        "journal",
        "directories",
        "files up to 64 KiB",
        "free",
        "group 0",
        "Fragmentation",
    ] {
        assert!(svg.contains(text), "no {text}");
    }
    let png = pair.host.path().join("map.png");
    let image = pair.ours.path.display().to_string();
    pair.done(&format!("map {image} -o ~/map.png"));
    assert!(std::fs::read(png).unwrap().starts_with(b"\x89PNG\r\n"));
    assert_eq!(
        pair.liveroot(&format!("map {image} -o ~/map.gif"))
            .status
            .code(),
        Some(2)
    );
    assert_eq!(pair.hash(), before);
}
