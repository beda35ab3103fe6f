"""Entry point of the Spilo-compatible test image: prepares folders and certificate, renders Patroni's configuration once
per container, then keeps Patroni running as runit does in Spilo: killed, it is started again; told to end, it ends."""
import glob
import json
import os
import signal
import socket
import subprocess
import sys
import time

import configure

RUN = '/run'
UID, GID = 101, 103


def say(line):
    print(line, file=sys.stderr, flush=True)


def owned_folder(path, mode=0o755):
    os.makedirs(path, exist_ok=True)
    if os.getuid() == 0:
        os.chown(path, UID, GID)
    try:
        os.chmod(path, mode)
    except PermissionError:
        pass


def memory_mb():
    for path in ('/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory.max'):
        try:
            with open(path) as f:
                limit = int(f.read())
            if limit < 1 << 50:
                return limit // (1 << 20)
        except (OSError, ValueError):
            continue
    return 640


def certificate(env):
    key = env.get('SSL_PRIVATE_KEY_FILE') or f'{RUN}/certs/server.key'
    cert = env.get('SSL_CERTIFICATE_FILE') or f'{RUN}/certs/server.crt'
    if not os.path.exists(key):
        subprocess.check_call(['openssl', 'req', '-nodes', '-new', '-x509', '-subj', '/CN=spilo.dummy.org', '-days', '365',
                               '-keyout', key, '-out', cert], stderr=subprocess.DEVNULL)
        os.chmod(key, 0o600)
        if os.getuid() == 0:
            os.chown(key, UID, GID)
            os.chown(cert, UID, GID)
    return cert, key


def facts(env):
    data = env.get('PGDATA') or '/home/postgres/pgdata/pgroot/data'
    installed = sorted(os.path.basename(p) for p in glob.glob('/usr/lib/postgresql/*'))
    on_disk = None
    if os.path.exists(f'{data}/PG_VERSION'):
        with open(f'{data}/PG_VERSION') as f:
            on_disk = f.read().strip()
    cert, key = certificate(env)
    available = subprocess.run(['locale', '-a'], capture_output=True, text=True).stdout.split()
    return {
        'hostname': socket.gethostname(), 'data_dir': data, 'memory_mb': memory_mb(), 'certificate': cert, 'key': key,
        'major': configure.chosen_major(env.get('PGVERSION'), installed, on_disk),
        'locales': [name.replace('utf8', 'UTF-8') for name in available],
    }


def prepare(env):
    root = env.get('PGROOT') or '/home/postgres/pgdata/pgroot'
    for path in (root, env.get('PGLOG') or f'{root}/pg_log', f'{RUN}/postgresql', f'{RUN}/certs'):
        owned_folder(path)
    owned_folder(env.get('PGDATA') or f'{root}/data', 0o700)


def parse_yaml(text):
    import yaml
    return yaml.safe_load(text)


def write_configuration(env):
    path = f'{RUN}/postgres.yml'
    if os.path.exists(path):
        return path
    with open(path, 'w') as f:
        json.dump(configure.patroni_configuration(env, facts(env), say, parse_yaml), f)
    os.chmod(path, 0o600)
    if os.getuid() == 0:
        os.chown(path, UID, GID)
    return path


def demote():
    if os.getuid() == 0:
        os.setgroups([GID])
        os.setgid(GID)
        os.setuid(UID)


def supervise(path, env):
    """runit's part: Patroni runs; when it dies it is started again after a second; TERM is passed on and ends us."""
    ending = []
    child = None

    def end(signum, _frame):
        ending.append(signum)
        if child is not None:
            child.send_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    while not ending:
        child = subprocess.Popen(['/usr/bin/patroni', path], env=env, preexec_fn=demote)
        while child.poll() is None:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid == child.pid:
                    child.returncode = 0
            except ChildProcessError:
                pass
            time.sleep(0.2)
        if not ending:
            say('patroni ended, starting it again')
            time.sleep(1)


def main():
    env = dict(os.environ)
    try:
        prepare(env)
        path = write_configuration(env)
    except configure.ConfigurationError as error:
        say(f'configuration failed: {error}')
        sys.exit(1)
    kept = configure.kept_environment(env)
    kept['HOME'] = '/home/postgres'
    supervise(path, kept)


if __name__ == '__main__':
    main()
