//! A Slurm of two nodes on this machine, for one test; everything ends with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A controller, two nodes, and their authentication.
pub struct Cluster {
    daemons: Vec<(String, Child)>,
    configuration: PathBuf,
}

/// Where a program of the system lies.
fn find(name: &str) -> Option<PathBuf> {
    let places = [
        "/usr/sbin",
        "/usr/bin",
        "/sbin",
        "/usr/local/sbin",
        "/usr/local/bin",
    ];
    let mut all = places.iter().map(|place| Path::new(place).join(name));
    all.find(|path| path.is_file())
}

/// Three ports that are free now.
fn ports() -> Vec<u16> {
    let sockets: Vec<_> = (0..3)
        .map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    sockets
        .iter()
        .map(|s| s.local_addr().unwrap().port())
        .collect()
}

impl Cluster {
    /// Starts it; nothing when Slurm is not installed.
    pub fn start(directory: &Path) -> Option<Self> {
        let (control, node) = (find("slurmctld")?, find("slurmd")?);
        let munge = find("munged")?;
        fs::create_dir_all(directory.join("state")).unwrap();
        let ports = ports();
        let here = directory.display();
        let mut text = format!(
            "ClusterName=test\nSlurmctldHost=localhost(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={here}/munge/socket\nProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nSwitchType=switch/none\nMpiDefault=none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_Core_Memory\nSlurmdParameters=config_overrides\nReturnToService=2\n\
             SlurmctldPort={}\nSlurmdTimeout=10\nKillWait=5\nMinJobAge=5\nMessageTimeout=10\n\
             StateSaveLocation={here}/state\nSlurmctldPidFile={here}/control.pid\n\
             SlurmctldLogFile={here}/control.log\nSlurmdPidFile={here}/%n.pid\nSlurmdLogFile={here}/%n.log\n\
             SlurmdSpoolDir={here}/spool.%n\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\n",
            ports[0]
        );
        for (name, port) in [("n1", ports[1]), ("n2", ports[2])] {
            fs::create_dir_all(directory.join(format!("spool.{name}"))).unwrap();
            let line = format!(
                "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=8000\n"
            );
            text.push_str(&line);
        }
        text.push_str("PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n");
        let configuration = directory.join("slurm.conf");
        fs::write(&configuration, text).unwrap();
        let mut cluster = Self {
            daemons: Vec::new(),
            configuration,
        };
        cluster.authenticate(&munge, directory);
        cluster.daemon("control", Command::new(control).arg("-D"));
        for name in ["n1", "n2"] {
            cluster.daemon(name, Command::new(&node).args(["-D", "-N", name]));
        }
        let began = Instant::now();
        while cluster.idle_nodes() < 2 {
            assert!(
                began.elapsed() < Duration::from_mins(1),
                "Slurm does not come up"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
        Some(cluster)
    }

    /// Its configuration, for `SLURM_CONF`.
    pub fn configuration(&self) -> &Path {
        &self.configuration
    }

    fn authenticate(&mut self, munge: &Path, directory: &Path) {
        use std::os::unix::fs::PermissionsExt as _;
        let place = directory.join("munge");
        fs::create_dir_all(&place).unwrap();
        // All directories above the socket must let everybody through.
        for above in place.ancestors().take(3) {
            fs::set_permissions(above, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let key = place.join("key");
        let bytes: Vec<u8> = (0u16..128).map(|i| (i * 71 % 251) as u8).collect();
        fs::write(&key, bytes).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        let flag = |name: &str, file: &str| format!("--{name}={}", place.join(file).display());
        let mut command = Command::new(munge);
        command.args(["--foreground", "--force"]).args([
            flag("key-file", "key"),
            flag("socket", "socket"),
            flag("pid-file", "pid"),
            flag("log-file", "log"),
            flag("seed-file", "seed"),
        ]);
        self.daemon("munge", &mut command);
        let began = Instant::now();
        while !place.join("socket").exists() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "munge does not come up"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn daemon(&mut self, name: &str, command: &mut Command) {
        command.env("SLURM_CONF", &self.configuration);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.daemons.push((name.to_owned(), child.unwrap()));
    }

    fn idle_nodes(&self) -> usize {
        let asked = Command::new("sinfo")
            .args(["-h", "-N", "-o", "%T"])
            .env("SLURM_CONF", &self.configuration)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&asked.stdout).into_owned();
        text.lines().filter(|line| *line == "idle").count()
    }

    /// The node on which a helper of a job of this project works.
    pub fn node_of_helper(project: &Path) -> Option<String> {
        let project = project.display().to_string();
        processes().find_map(|(number, words)| {
            let helps = words.iter().any(|word| word == "help-unit");
            let ours = words.iter().any(|word| word.starts_with(&project));
            let program = words.first().is_some_and(|word| word.ends_with("thon"));
            let node = environment(number, "SLURMD_NODENAME")?;
            (helps && ours && program).then_some(node)
        })
    }

    /// The node dies with everything on it.
    pub fn kill_node(&mut self, node: &str) {
        for (name, child) in &mut self.daemons {
            if name == node {
                child.kill().unwrap();
                child.wait().unwrap();
            }
        }
        let on_it = |number: u32, words: &[String]| {
            let daemon = words
                .first()
                .is_some_and(|word| word.contains("slurmstepd"));
            let at = environment(number, "SLURMD_NODENAME");
            let leads = words.iter().any(|word| word == "srun");
            (at.as_deref() == Some(node) && !leads) || (daemon && at.as_deref() == Some(node))
        };
        for (number, words) in processes() {
            if on_it(number, &words) {
                let _ = Command::new("kill")
                    .args(["-9", &number.to_string()])
                    .status();
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (_, child) in self.daemons.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// All processes: number and words of the command line.
fn processes() -> impl Iterator<Item = (u32, Vec<String>)> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| {
        let number: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let command = fs::read(format!("/proc/{number}/cmdline")).ok()?;
        let words = command.split(|byte| *byte == 0);
        let words = words.map(|word| String::from_utf8_lossy(word).into_owned());
        Some((number, words.collect()))
    })
}

/// A variable of a process' environment.
fn environment(number: u32, name: &str) -> Option<String> {
    let bytes = fs::read(format!("/proc/{number}/environ")).ok()?;
    let mut variables = bytes.split(|byte| *byte == 0);
    variables.find_map(|variable| {
        let text = String::from_utf8_lossy(variable).into_owned();
        text.strip_prefix(name)?
            .strip_prefix('=')
            .map(str::to_owned)
    })
}
