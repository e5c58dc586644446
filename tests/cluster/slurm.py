"""A real Slurm with two virtual nodes on this machine, on loopback ports of its own, as root."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

CONFIGURATION = """\
ClusterName=libnorm
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/ctld.pid
SlurmctldLogFile={folder}/ctld.log
SlurmdPidFile={folder}/%n.pid
SlurmdLogFile={folder}/%n.log
SlurmdSpoolDir={folder}/spool/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdTimeout=10
KillWait=5
MinJobAge=600
SchedulerParameters=sched_interval=2,bf_interval=2,requeue_setup_env_fail
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
NodeName=n[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{node}-{last}] CPUs=1 RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

NODES = ("n1", "n2")


def missing():
    """What keeps this machine from having a cluster; empty if nothing does."""
    if os.geteuid() != 0:
        return "not root"
    programs = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel")
    absent = [name for name in programs if which(name) is None]
    return "no " + ", ".join(absent) if absent else ""


def which(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def free_ports(count):
    """Neighbouring ports that nobody listens on."""
    for first in range(17000, 60000, 10):
        opened = []
        try:
            for port in range(first, first + count):
                opened.append(socket.socket())
                opened[-1].bind(("127.0.0.1", port))
            return first
        except OSError:
            continue
        finally:
            for each in opened:
                each.close()
    raise RuntimeError("no free ports")


class Cluster:
    """Starts the daemons; stop() ends each by its own pid file."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.conf = self.folder / "slurm.conf"
        self.environment = dict(os.environ, SLURM_CONF=str(self.conf))
        for name in list(self.environment):
            if name.startswith(("SLURM_", "SBATCH_")) and name != "SLURM_CONF":
                del self.environment[name]

    def start(self):
        for name in ("state", "spool/n1", "spool/n2", "munge"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        port = free_ports(3)
        self.conf.write_text(CONFIGURATION.format(
            host=socket.gethostname(), folder=self.folder, port=port, node=port + 1, last=port + 2))
        self._start_munge()
        self._daemon("slurmctld", "-f", self.conf)
        self._wait_for_file("ctld.pid")
        for node in NODES:
            self.start_node(node)
        self.wait(lambda: self.node_states() == {"n1": "idle", "n2": "idle"}, 60, "two idle nodes")

    def _start_munge(self):
        """With a key and a socket of its own; munged wants folders that others cannot write to."""
        munge = self.folder / "munge"
        os.chmod(munge, 0o700)
        key = munge / "key"
        key.write_bytes(os.urandom(128))
        os.chmod(key, 0o400)
        self._daemon("munged", "--force", f"--key-file={key}", f"--socket={self.folder}/munge.socket",
                     f"--pid-file={self.folder}/munge.pid", f"--log-file={munge}/log",
                     f"--seed-file={munge}/seed")
        self._wait_for_file("munge.pid")

    def start_node(self, node):
        self._daemon("slurmd", "-f", self.conf, "-N", node)
        self._wait_for_file(f"{node}.pid")

    def kill_node(self, node):
        """As a node that loses its power: its daemon and everything of its jobs."""
        pid = self._pid(f"{node}.pid")
        jobs = [int(p) for p in os.listdir("/proc") if p.isdigit() and self._is_of_job(int(p), node)]
        keepers = {self._parent(each) for each in jobs} - set(jobs)
        steps = [each for each in keepers if self._name(each).startswith("slurmstepd")]
        for each in [pid, *steps, *jobs]:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                pass
        (self.folder / f"{node}.pid").unlink(missing_ok=True)

    def _name(self, pid):
        try:
            return pathlib.Path(f"/proc/{pid}/comm").read_text()
        except OSError:
            return ""

    def _parent(self, pid):
        try:
            return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return 0

    def _is_of_job(self, pid, node):
        """Whether a process is in a job on this cluster's node."""
        try:
            environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        except OSError:
            return False
        return (f"SLURM_CONF={self.conf}".encode() in environment
                and f"SLURMD_NODENAME={node}".encode() in environment)

    def stop(self):
        for name in ("n1", "n2", "ctld", "munge"):
            try:
                pid = self._pid(f"{name}.pid")
                os.kill(pid, signal.SIGTERM)
            except (OSError, ValueError):
                continue
            for _ in range(100):
                if not pathlib.Path(f"/proc/{pid}").exists():
                    break
                time.sleep(0.1)
            else:
                os.kill(pid, signal.SIGKILL)

    def _pid(self, name):
        return int((self.folder / name).read_text())

    def _daemon(self, name, *arguments):
        subprocess.run([which(name), *map(str, arguments)], check=True, env=self.environment,
                       stdin=subprocess.DEVNULL)

    def _wait_for_file(self, name):
        self.wait(lambda: (self.folder / name).exists(), 30, name)

    def wait(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"no {what} within {seconds} s")
            time.sleep(0.2)

    def call(self, *words, check=True, cwd=None):
        """A command against this cluster. Returns its output."""
        done = subprocess.run(words, env=self.environment, cwd=cwd, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def node_states(self):
        return dict(line.split() for line in self.call("sinfo", "-hN", "-o", "%N %t").splitlines())

    def jobs(self):
        """{job: (state, node)} of what waits or runs; an array's tasks each by itself."""
        lines = self.call("squeue", "-h", "-r", "-o", "%i %T %N").splitlines()
        return {line.split()[0]: (line.split()[1], (line.split() + [""])[2]) for line in lines}

    def wait_for_end(self, seconds=180):
        """Until no job is left. A requeued job waits for two minutes; here it need not."""
        def over():
            for line in self.call("squeue", "-h", "-r", "-t", "PENDING", "-o", "%i %r").splitlines():
                job, reason = line.split(maxsplit=1)
                if reason == "BeginTime":
                    self.call("scontrol", "update", f"JobId={job}", "StartTime=now", check=False)
            return not self.jobs()
        self.wait(over, seconds, "end of all jobs")
