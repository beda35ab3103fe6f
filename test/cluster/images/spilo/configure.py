"""Renders Patroni's configuration from a Spilo-like environment. Pure: environment and a few facts in, a mapping out.

Follows Spilo bug for bug where an operator could rely on it: flags are "non-empty means true", SPILO_CONFIGURATION is
merged recursively, lists in it replace, null deletes nothing, the default passwords are Spilo's public ones.
"""
import json

ALLOWED_PREFIXES = ('KUBERNETES_SERVICE', 'KUBERNETES_PORT', 'KUBERNETES_ROLE')
ALLOWED_NAMES = ('POD_IP', 'POD_NAMESPACE', 'HOSTNAME', 'PATH', 'PGHOME', 'LC_ALL')


class ConfigurationError(Exception):
    """The environment cannot be turned into a configuration."""


def kept_environment(env):
    """What reaches Patroni: everything else is unset before it starts."""
    return {k: v for k, v in env.items() if k.startswith(ALLOWED_PREFIXES) or k in ALLOWED_NAMES}


def merge(into, overlay):
    """Spilo's merge: mappings recursively, everything else replaced, null ignored."""
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            merge(into[key], value)
        elif value is not None:
            into[key] = value
    return into


def chosen_major(wanted, installed, on_disk):
    """The data directory wins, then PGVERSION if it is installed, else silently what the image has."""
    if on_disk:
        return on_disk
    return wanted if wanted in installed else installed[-1]


def labels(env, warn):
    """KUBERNETES_LABELS as a mapping; like Spilo, nonsense gives a warning and the default."""
    text = env.get('KUBERNETES_LABELS')
    if not text:
        return {'application': 'spilo'}
    try:
        value = json.loads(text)
        if isinstance(value, dict):
            return value
    except ValueError:
        pass
    warn('KUBERNETES_LABELS is not a JSON object, using the default')
    return {'application': 'spilo'}


def kubernetes_section(env, warn):
    if not env.get('DCS_ENABLE_KUBERNETES_API'):
        raise ConfigurationError('DCS_ENABLE_KUBERNETES_API is not set: this image has no other store for Patroni')
    section = {
        'labels': labels(env, warn),
        'scope_label': env.get('KUBERNETES_SCOPE_LABEL') or 'version',
        'role_label': env.get('KUBERNETES_ROLE_LABEL') or 'spilo-role',
        'leader_label_value': env.get('KUBERNETES_LEADER_LABEL_VALUE') or 'master',
        'standby_leader_label_value': env.get('KUBERNETES_STANDBY_LEADER_LABEL_VALUE') or 'master',
    }
    bypass = env.get('KUBERNETES_BYPASS_API_SERVICE')
    section['bypass_api_service'] = bypass.lower() in ('true', 'on', 'yes', '1') if bypass else True
    if env.get('POD_NAMESPACE') and env['POD_NAMESPACE'] != 'default':
        section['namespace'] = env['POD_NAMESPACE']
    if not env.get('KUBERNETES_USE_CONFIGMAPS'):
        section.update(use_endpoints=True, pod_ip=env['POD_IP'], ports=[{'port': 5432, 'name': 'postgresql'}])
    return section


def pg_hba(env):
    replication = env.get('PGUSER_STANDBY') or 'standby'
    lines = [
        'local all all trust',
        'host all all 127.0.0.1/32 md5',
        'host all all ::1/128 md5',
        f'local replication {replication} trust',
        f'hostssl replication {replication} all md5',
    ]
    if not env.get('ALLOW_NOSSL'):
        lines.append('hostnossl all all all reject')
    return lines + ['hostssl all all all md5', *(['host all all all md5'] if env.get('ALLOW_NOSSL') else [])]


def postgresql_section(env, facts):
    superuser = {'username': env.get('PGUSER_SUPERUSER') or 'postgres', 'password': env.get('PGPASSWORD_SUPERUSER') or 'zalando'}
    replication = {'username': env.get('PGUSER_STANDBY') or 'standby', 'password': env.get('PGPASSWORD_STANDBY') or 'standby'}
    return {
        'listen': '*:5432',
        'connect_address': f"{env['POD_IP']}:5432",
        'data_dir': facts['data_dir'],
        'bin_dir': f"/usr/lib/postgresql/{facts['major']}/bin",
        'pgpass': '/run/postgresql/pgpass',
        # Spilo's own base backup script asks for an immediate checkpoint; a spread one takes minutes.
        'basebackup': [{'checkpoint': 'fast'}],
        'use_unix_socket': True,
        'use_unix_socket_repl': True,
        'authentication': {'superuser': superuser, 'replication': replication},
        'parameters': {
            'archive_mode': 'on',
            'archive_command': '/bin/true',
            'shared_buffers': f"{facts['memory_mb'] // 5}MB",
            'ssl': 'on',
            'ssl_cert_file': facts['certificate'],
            'ssl_key_file': facts['key'],
            'logging_collector': 'on',
            'log_destination': 'csvlog',
            'log_directory': '../pg_log',
            'log_filename': 'postgresql-%u.log',
            'log_truncate_on_rotation': 'on',
            'log_rotation_age': '1d',
            'unix_socket_directories': '/run/postgresql',
            'shared_preload_libraries': 'pg_stat_statements',
        },
        'pg_hba': pg_hba(env),
    }


def bootstrap_section(env, facts):
    locale = (env.get('INITDB_LOCALE') or 'en_US') + '.UTF-8'
    if locale not in facts['locales']:
        locale = 'C.UTF-8'
    return {
        'dcs': {
            'ttl': 30, 'loop_wait': 10, 'retry_timeout': 10, 'maximum_lag_on_failover': 33554432,
            'postgresql': {
                'use_pg_rewind': True, 'use_slots': True,
                'parameters': {'max_connections': min(max(100, facts['memory_mb'] // 30), 1000)},
            },
        },
        'initdb': [{'encoding': 'UTF8'}, {'locale': locale}, 'data-checksums'],
        'post_init': '/scripts/post_init.sh',
    }


def spilo_configuration(env, parse_yaml):
    text = env.get('SPILO_CONFIGURATION') or env.get('PATRONI_CONFIGURATION')
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        value = parse_yaml(text)
    if not isinstance(value, dict):
        raise ConfigurationError('SPILO_CONFIGURATION is not a mapping')
    return value


def patroni_configuration(env, facts, warn=lambda line: None, parse_yaml=lambda text: text):
    """The whole configuration. facts: hostname, data_dir, major, memory_mb, certificate, key, locales."""
    port = env.get('APIPORT') or '8008'
    config = {
        'scope': env.get('SCOPE') or 'dummy',
        'name': facts['hostname'],
        'kubernetes': kubernetes_section(env, warn),
        'restapi': {'listen': f':{port}', 'connect_address': f"{env['POD_IP']}:{port}"},
        'bootstrap': bootstrap_section(env, facts),
        'postgresql': postgresql_section(env, facts),
    }
    return merge(config, spilo_configuration(env, parse_yaml))
