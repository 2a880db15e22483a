//! However the command or liveroot ends, the image is complete and clean.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::desk::{Desk, Who, as_the_kernel_sees, assert_clean, can_work};
use super::support::command::{command, output, run};
use super::support::requirements::{Need, loop_works};

#[test]
fn exit_codes_are_the_commands() {
    if !can_work("exit_codes_are_the_commands", &[]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        fs::write(desk.path("script"), "#!/nowhere/sh\n").expect("files can be made");
        run(command("chmod", ["777"]).arg(desk.path("script")));
        for (code, command) in [
            (0, "true"),
            (7, "sh -c 'exit 7'"),
            (137, "sh -c 'kill -9 $$'"),
            (143, "sh -c 'kill $$'"),
            (127, "env PATH=/bin no-such-command"),
            (127, "/no/such/command"),
            (126, "/etc/passwd"),
            (126, "\"$PWD/script\""),
        ] {
            desk.exits(code, &format!("./liveroot run image.ext4 -- {command}"));
        }
        for (what, said) in [
            ("missing.ext4 -- true", "missing.ext4: no such file"),
            ("script -- true", "not an ext4"),
            ("image.ext4 --unknown -- true", "--unknown"),
            ("image.ext4", "COMMAND"),
            ("image.ext4 -o quux -- true", "'quux'"),
            ("image.ext4 --at /no/where -- true", "/no/where"),
            ("image.ext4 --workdir /no/where -- true", "/no/where"),
            ("image.ext4 --bind /etc:/no/where -- true", "/no/where"),
        ] {
            let line = desk.exits(125, &format!("./liveroot run {what}"));
            assert!(line.contains(said), "{what}: {line}");
        }
        assert_clean(&image);
        desk.assert_nothing_left();
    }
}

/// Something that writes without end, and says when it has begun. It ignores nothing.
const BUSY: &str =
    "cd \"$LIVEROOT\"; echo ready; while :; do date >> log; mkdir -p a/b; rm -r a; done";

/// A `liveroot run`, begun.
struct Running {
    shell: Child,
    /// Process numbers.
    front: u32,
    keeper: u32,
    server: u32,
    init: u32,
}

impl Running {
    fn start(desk: &Desk, script: &str) -> Running {
        let script = script.replace('\'', "'\\''");
        let mut command = desk.command(&format!(
            "exec ./liveroot run --direct image.ext4 -o commit=1 -- sh -c '{script}'"
        ));
        let shell = command.stdout(Stdio::piped()).spawn();
        let mut shell = shell.expect("a shell can be started");
        let mut line = String::new();
        let out = shell.stdout.take().expect("it is piped");
        let mut out = BufReader::new(out);
        out.read_line(&mut line).expect("the command writes a line");
        assert_eq!(line, "ready\n");
        // The shell's programs replaced each other: it is the front now.
        let front = shell.id();
        let keeper = children(front)[0];
        let (inits, servers): (Vec<u32>, Vec<u32>) =
            children(keeper).into_iter().partition(|&pid| is_init(pid));
        let (init, server) = (inits[0], servers[0]);
        Running {
            shell,
            front,
            keeper,
            server,
            init,
        }
    }

    fn kill(&self, signal: &str, pid: u32) {
        run(&mut command("kill", ["-s", signal, &pid.to_string()]));
    }

    fn wait(mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.shell.try_wait().expect("it can be waited for") {
                return status;
            }
            if started.elapsed() > Duration::from_secs(60) {
                self.kill("KILL", self.keeper);
                panic!("it does not end");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn children(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.expect("children are listed");
    children.split_whitespace().flat_map(str::parse).collect()
}

/// Whether a process is number 1 of another namespace.
fn is_init(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_whitespace().skip(1).any(|n| n == "1"))
}

/// Waits until the process is no more.
fn gone(pid: u32) {
    let started = Instant::now();
    while Path::new(&format!("/proc/{pid}/ns")).exists()
        && fs::read_link(format!("/proc/{pid}/exe")).is_ok()
    {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{pid} does not end"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn signals_end_the_command_and_the_image_is_clean() {
    if !can_work("signals_end_the_command_and_the_image_is_clean", &[]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("USR1", 138)] {
            let running = Running::start(&desk, BUSY);
            running.kill(signal, running.front);
            assert_eq!(running.wait().code(), Some(code), "{signal}");
            assert_clean(&image);
        }
        let running = Running::start(
            &desk,
            "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done",
        );
        running.kill("TERM", running.front);
        assert_eq!(running.wait().code(), Some(9));
        // To the keeper, say when the machine shuts down.
        let running = Running::start(&desk, BUSY);
        running.kill("TERM", running.keeper);
        assert_eq!(running.wait().code(), Some(143));
        assert_clean(&image);
        let running = Running::start(&desk, BUSY);
        running.kill("KILL", running.init);
        assert_eq!(running.wait().code(), Some(137));
        assert_clean(&image);
        desk.assert_nothing_left();
    }
}

/// Runs a program on a terminal of its own, and presses Ctrl-C when it has said that it is ready.
const CTRL_C: &str = r#"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while b"ready" not in seen:
    seen += os.read(terminal, 100)
os.write(terminal, b"\x03")
try:
    while os.read(terminal, 100): pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

#[test]
fn a_key_of_the_terminal_reaches_the_command() {
    let test = "a_key_of_the_terminal_reaches_the_command";
    if !can_work(test, &[Need::Program("python3")]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        fs::write(desk.path("ctrl_c.py"), CTRL_C).expect("files can be made");
        fs::write(desk.path("busy"), BUSY).expect("files can be made");
        // Once, to the command: the front does not pass on what the terminal sent it too.
        let trap = r#"trap "n=\$((n+1))" INT; n=0; echo ready; sleep 1 || :; exit \$((10+n))"#;
        fs::write(desk.path("traps"), trap.replace('\\', "")).expect("files can be made");
        for (script, code) in [("busy", 130), ("traps", 11)] {
            desk.exits(
                code,
                &format!("python3 ctrl_c.py ./liveroot run image.ext4 -- sh {script}"),
            );
            assert_clean(&image);
        }
    }
}

#[test]
fn what_is_left_running_ends_with_the_command() {
    if !can_work("what_is_left_running_ends_with_the_command", &[]) {
        return;
    }
    for who in [Who::Root, Who::User, Who::Lonely] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        let script = r#"./liveroot run image.ext4 -- sh -c '
            cd "$LIVEROOT"
            for n in 1 2 3; do setsid sh -c "trap : TERM HUP; exec 9> held$n; while :; do date >> log$n; done" & done
            while [ ! -s log3 ]; do :; done; exit 5'"#;
        desk.exits(5, script);
        assert_clean(&image);
        desk.assert_nothing_left();
    }
}

#[test]
fn a_killed_front_takes_everything_with_it_in_order() {
    if !can_work("a_killed_front_takes_everything_with_it_in_order", &[]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        let running = Running::start(&desk, BUSY);
        let (front, server) = (running.front, running.server);
        running.kill("KILL", front);
        assert_eq!(running.wait().signal(), Some(9));
        gone(server);
        assert_clean(&image);
        desk.assert_nothing_left();
    }
}

#[test]
fn a_killed_keeper_ends_the_command_and_the_image_is_clean() {
    if !can_work(
        "a_killed_keeper_ends_the_command_and_the_image_is_clean",
        &[],
    ) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        let running = Running::start(&desk, BUSY);
        let (init, server) = (running.init, running.server);
        running.kill("KILL", running.keeper);
        assert_eq!(running.wait().code(), Some(125));
        gone(init);
        gone(server);
        assert_clean(&image);
        desk.assert_nothing_left();
    }
}

#[test]
fn a_killed_server_leaves_what_the_journal_mends() {
    if !can_work("a_killed_server_leaves_what_the_journal_mends", &[]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        let running = Running::start(&desk, BUSY);
        let init = running.init;
        running.kill("KILL", running.server);
        assert_eq!(running.wait().code(), Some(125));
        gone(init);
        // The kernel replays the journal where it can be asked, else e2fsck does.
        if loop_works() {
            run(command(
                "sh",
                [
                    "-ec",
                    "d=$(mktemp -d); mount -o loop \"$0\" $d; umount $d; rmdir $d",
                ],
            )
            .arg(&image));
            as_the_kernel_sees(&image);
        } else {
            output(command("e2fsck", ["-fy"]).arg(&image));
        }
        assert_clean(&image);
    }
}

#[test]
fn who_reads_the_image_has_no_privileges() {
    if !can_work("who_reads_the_image_has_no_privileges", &[]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        desk.image("image.ext4", 64);
        let running = Running::start(&desk, BUSY);
        let status = fs::read_to_string(format!("/proc/{}/status", running.server));
        let status = status.expect("it can be read");
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
        assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        running.kill("TERM", running.front);
        running.wait();
    }
}

#[test]
fn an_image_in_use_is_refused() {
    if !can_work("an_image_in_use_is_refused", &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 64);
    let running = Running::start(&desk, BUSY);
    let line = desk.exits(125, "./liveroot run image.ext4 -- true");
    assert!(line.contains("in use"), "{line}");
    running.kill("TERM", running.front);
    running.wait();
    assert_clean(&image);
}
