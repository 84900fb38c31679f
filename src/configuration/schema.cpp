#include "configuration/schema.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace angarium::configuration {
namespace {

constexpr std::array<std::string_view, 4> kLevels = {"error", "warning", "info", "debug"};
constexpr std::array<std::string_view, 4> kFormats = {"auto", "text", "json", "journal"};
constexpr std::array<std::string_view, 3> kPlaintext = {"never", "loopback", "always"};
constexpr std::array<std::string_view, 2> kLineEnds = {"refuse", "normalise"};
constexpr std::array<std::string_view, 2> kEarlyTalk = {"allow", "refuse"};
constexpr std::array<std::string_view, 3> kLmtpAuth = {"off", "offered", "required"};
constexpr std::array<std::string_view, 3> kVrfy = {"off", "users", "all"};
constexpr std::array<std::string_view, 3> kDnssec = {"auto", "strict", "off"};
constexpr std::array<std::string_view, 10> kProtocols = {"lmtp", "smtp",  "submission", "submissions", "odmr",
                                                         "pop3", "pop3s", "imap",       "imaps",       "metrics"};

template <std::size_t N>
std::size_t index_of(const std::array<std::string_view, N>& words, std::string_view word) {
  return static_cast<std::size_t>(std::find(words.begin(), words.end(), word) - words.begin());
}

using C = Configuration;

// One line a key: section, name, field, explanation.
const auto kKeys = std::to_array<Key>({
    {"server", "hostname", TextField([](C& c) -> std::string& { return c.server.hostname; }),
     "This host's name as it greets, stands in Received fields and in message ids."},
    {"server", "data", TextField([](C& c) -> std::string& { return c.server.data; }),
     "The directory of the store, relative to this file."},
    {"server", "user", TextField([](C& c) -> std::string& { return c.server.user; }),
     "When started as root: the user to become once the ports are open and before the store is. The data directory "
     "with all it holds, run/, and tls keys inside this file's directory are given to the user; the rest must be "
     "readable by it. Empty: stay as started."},
    {"server", "loops", NumberField{[](C& c) -> std::int64_t& { return c.server.loops; }, 0, 256},
     "Event loops, each a thread. 0: one a processor."},
    {"log", "level",
     ChoiceField{kLevels, [](C& c, std::size_t i) { c.log.level = kLevels[i]; },
                 [](const C& c) { return index_of(kLevels, c.log.level); }},
     "The most talkative lines that are written."},
    {"log", "format",
     ChoiceField{kFormats, [](C& c, std::size_t i) { c.log.format = kFormats[i]; },
                 [](const C& c) { return index_of(kFormats, c.log.format); }},
     "How log lines look on standard error. auto: journal under systemd, else text."},
    {"tls", "certificate", TextField([](C& c) -> std::string& { return c.tls.certificate; }),
     "PEM file with the certificate chain for this host. Empty: no TLS."},
    {"tls", "key", TextField([](C& c) -> std::string& { return c.tls.key; }),
     "PEM file with the private key of tls.certificate."},
    {"tls", "client_authorities", TextField([](C& c) -> std::string& { return c.tls.client_authorities; }),
     "PEM file with the authorities that vouch for the certificates by which users log in (the mechanism EXTERNAL): a "
     "certificate's mail address says whose it is. Empty: clients are not asked for any."},
    {"auth", "plaintext_without_tls",
     ChoiceField{kPlaintext,
                 [](C& c, std::size_t i) { c.auth.plaintext_without_tls = static_cast<PlaintextWithoutTls>(i); },
                 [](const C& c) { return static_cast<std::size_t>(c.auth.plaintext_without_tls); }},
     "Whether a password may cross an unencrypted connection: never, only on this host, or always."},
    {"auth", "mechanisms", ListField([](C& c) -> std::vector<std::string>& { return c.auth.mechanisms; }),
     "The SASL mechanisms that are switched on. Beside those of the default: SCRAM-SHA-512, SCRAM-SHA-512-PLUS, "
     "EXTERNAL "
     "(needs tls.client_authorities), ANONYMOUS (needs auth.anonymous_account), OAUTHBEARER and XOAUTH2 (need a "
     "[[token_issuer]]), GS2-KRB5-PLUS, GS2-KRB5 and GSSAPI (need kerberos.keytab), and the weak OTP, SKEY, "
     "DIGEST-MD5, "
     "NTLM, CRAM-MD5. Those with keys of their own work for "
     "accounts that have them: angarium account auth."},
    {"auth", "apop", SwitchField([](C& c) -> bool& { return c.auth.apop; }),
     "Whether POP3 offers APOP (weak), for accounts that have its key: angarium account auth ADDRESS --add apop."},
    {"auth", "anonymous_account", TextField([](C& c) -> std::string& { return c.auth.anonymous_account; }),
     "Address of the account whose mail guests (the mechanism ANONYMOUS) may read by IMAP and POP3. They change "
     "nothing, "
     "and submit nothing. Empty: there are no guests."},
    {"auth", "anonymous_mailboxes",
     ListField([](C& c) -> std::vector<std::string>& { return c.auth.anonymous_mailboxes; }),
     "The mailboxes of auth.anonymous_account that guests see; POP3 shows INBOX."},
    {"auth", "argon2_memory_kib",
     NumberField{[](C& c) -> std::int64_t& { return c.auth.argon2_memory_kib; }, 8192, 1 << 20},
     "Memory of one password hash, in KiB, for passwords set from now on."},
    {"auth", "argon2_passes", NumberField{[](C& c) -> std::int64_t& { return c.auth.argon2_passes; }, 1, 64},
     "Passes of one password hash, for passwords set from now on."},
    {"auth", "failures_max", NumberField{[](C& c) -> std::int64_t& { return c.auth.failures_max; }, 1, 1'000'000},
     "Failed logins from one address within auth.failures_window after which it must wait. Those from this "
     "host itself are not counted."},
    {"auth", "failures_window", DurationField([](C& c) -> Duration& { return c.auth.failures_window; }),
     "How long a failed login counts."},
    {"auth", "failure_delay", DurationField([](C& c) -> Duration& { return c.auth.failure_delay; }),
     "How long the answer to a failed login is held back."},
    {"kerberos", "keytab", TextField([](C& c) -> std::string& { return c.kerberos.keytab; }),
     "File with the keys of this host's services (smtp/HOST, imap/HOST, pop/HOST), relative to this one, readable to "
     "the "
     "server's user: for logins by tickets (GSSAPI, GS2-KRB5), which auth.mechanisms switches on. Read at each login. "
     "Empty: there are none."},
    {"kerberos", "hosts", ListField([](C& c) -> std::vector<std::string>& { return c.kerberos.hosts; }),
     "The names of this host that tickets may be for; server.hostname without it."},
    {"smtp", "message_size_max",
     SizeField{[](C& c) -> std::int64_t& { return c.smtp.message_size_max; }, 64 << 10, 1LL << 40},
     "The largest message accepted by SMTP, submission and LMTP."},
    {"smtp", "recipients_max", NumberField{[](C& c) -> std::int64_t& { return c.smtp.recipients_max; }, 100, 100'000},
     "Recipients in one transaction; at least 100 (RFC 5321 section 4.5.3.1.8)."},
    {"smtp", "bare_line_ends",
     ChoiceField{kLineEnds, [](C& c, std::size_t i) { c.smtp.bare_line_ends = static_cast<BareLineEnds>(i); },
                 [](const C& c) { return static_cast<std::size_t>(c.smtp.bare_line_ends); }},
     "A message with a CR or LF that stands alone is refused, or its line ends are made CRLF."},
    {"smtp", "errors_max", NumberField{[](C& c) -> std::int64_t& { return c.smtp.errors_max; }, 1, 10'000},
     "Commands answered with an error after which the connection is closed."},
    {"smtp", "messages_per_minute",
     NumberField{[](C& c) -> std::int64_t& { return c.smtp.messages_per_minute; }, 0, 1'000'000},
     "Messages one address may send in a minute on the smtp listener; 0: no limit. This host itself is not counted."},
    {"smtp", "relay_networks", ListField([](C& c) -> std::vector<std::string>& { return c.smtp.relay_networks; }),
     "Networks whose hosts may send mail to anywhere by the smtp listener without logging in: \"192.0.2.0/24\", "
     "\"2001:db8::/32\". None: nobody may."},
    {"smtp", "relay_domains", ListField([](C& c) -> std::vector<std::string>& { return c.smtp.relay_domains; }),
     "Domains whose mail is taken from anybody and goes on as [transport] or the DNS says: those this host is a backup "
     "or "
     "gateway for, or keeps in files. \"example.net\", \".example.net\" for those below it."},
    {"smtp", "etrn_networks", ListField([](C& c) -> std::vector<std::string>& { return c.smtp.etrn_networks; }),
     "Networks whose hosts may ask by ETRN on the smtp listener that what waits for a domain of smtp.relay_domains is "
     "tried now: \"192.0.2.0/24\". None: ETRN is not offered."},
    {"smtp", "checkpoint_size", SizeField{[](C& c) -> std::int64_t& { return c.smtp.checkpoint_size; }, 0, 1LL << 40},
     "Room in the store for messages whose transfer broke off, so that a client that knows CHECKPOINT goes on where it "
     "stopped; one client has a fourth of it at most, and each is kept for two days. 0: CHECKPOINT is not offered, "
     "and neither is it where smtp.bare_line_ends = \"normalise\"."},
    {"smtp", "vrfy",
     ChoiceField{kVrfy, [](C& c, std::size_t i) { c.smtp.vrfy = static_cast<Vrfy>(i); },
                 [](const C& c) { return static_cast<std::size_t>(c.smtp.vrfy); }},
     "Who is told by VRFY whether an address exists, and by EXPN who is behind it: nobody (off), users who logged in "
     "and "
     "hosts of smtp.relay_networks (users), or all. Everybody else hears from VRFY that the message will be tried "
     "(252)."},
    {"smtp", "early_talk",
     ChoiceField{kEarlyTalk, [](C& c, std::size_t i) { c.smtp.early_talk = static_cast<EarlyTalk>(i); },
                 [](const C& c) { return static_cast<std::size_t>(c.smtp.early_talk); }},
     "What a client on the smtp listener gets that speaks before it is greeted, as only malware does: allow or refuse "
     "(554)."},
    {"smtp", "greeting_delay", DurationField([](C& c) -> Duration& { return c.smtp.greeting_delay; }),
     "Where smtp.early_talk is \"refuse\": how long the greeting waits."},
    {"smtp", "command_timeout", DurationField([](C& c) -> Duration& { return c.smtp.command_timeout; }),
     "How long the next command may take; RFC 5321 section 4.5.3.2.7 asks for 5m."},
    {"smtp", "data_timeout", DurationField([](C& c) -> Duration& { return c.smtp.data_timeout; }),
     "How long a message may stand still while it arrives; RFC 5321 section 4.5.3.2.5 asks for 3m."},
    {"smtp", "data_grace", DurationField([](C& c) -> Duration& { return c.smtp.data_grace; }),
     "How long a message may arrive at any speed; beyond it 256 octets a second are asked for on the whole."},
    {"local", "system_users", SwitchField([](C& c) -> bool& { return c.local.system_users; }),
     "Whether the users of this host have mail without being added: at server.hostname if it is served, else at the "
     "first domain served; their passwords are the host's (PAM, service \"angarium\"), so that they log in by PLAIN "
     "and LOGIN only. Started as root, a process that keeps its rights finds the users, asks PAM and works as them; "
     "started by anybody else, only that user is served."},
    {"local", "uid_min", NumberField{[](C& c) -> std::int64_t& { return c.local.uid_min; }, 1, 4'294'967'294},
     "The least uid of users with mail. Root never has a mailbox."},
    {"local", "uid_max", NumberField{[](C& c) -> std::int64_t& { return c.local.uid_max; }, 1, 4'294'967'294},
     "The greatest uid of users with mail."},
    {"local", "excluded", ListField([](C& c) -> std::vector<std::string>& { return c.local.excluded; }),
     "Names of users within these uids who have no mail."},
    {"local", "spool_group", TextField([](C& c) -> std::string& { return c.local.spool_group; }),
     "The group that may make files in the folder of mailboxes, where an mbox target of a user lies there; empty: "
     "none."},
    {"local", "password_cache", DurationField([](C& c) -> Duration& { return c.local.password_cache; }),
     "How long the right password of a user of this host, or of somebody of a [[directory]], is believed before PAM or "
     "the directory is asked again; 0s: asked each time."},
    {"local", "aliases", ListField([](C& c) -> std::vector<std::string>& { return c.local.aliases; }),
     "Files of aliases(5) for the names of this host: addresses, files, commands, :include:. They are read as they "
     "are, "
     "at each use; one that is not there has no aliases, and of a name that is in several the first counts. Look them "
     "through with: angarium aliases check."},
    {"local", "domains", ListField([](C& c) -> std::vector<std::string>& { return c.local.domains; }),
     "Domains whose addresses are names of this host, besides server.hostname and the domain that names without one "
     "belong to: server.hostname if it is served, else the first domain served."},
    {"forwarding", "srs", SwitchField([](C& c) -> bool& { return c.forwarding.srs; }),
     "Whether the sender of a message that an alias sends on to another host becomes an address of this one (SRS), "
     "since "
     "the sender's domain does not let this host send in its name (SPF). What comes back to that address goes to the "
     "sender."},
    {"forwarding", "domain", TextField([](C& c) -> std::string& { return c.forwarding.domain; }),
     "The domain of such addresses; its mail must come here. Empty: server.hostname if it is served, else the first "
     "domain served."},
    {"lmtp", "auth",
     ChoiceField{kLmtpAuth, [](C& c, std::size_t i) { c.lmtp.auth = static_cast<LmtpAuth>(i); },
                 [](const C& c) { return static_cast<std::size_t>(c.lmtp.auth); }},
     "Whether who hands over mail by LMTP may log in (AUTH), or has to, by an account of here; not over sockets of "
     "this "
     "host, whose files say who may."},
    {"imap", "append_size_max",
     SizeField{[](C& c) -> std::int64_t& { return c.imap.append_size_max; }, 64 << 10, 1LL << 40},
     "The largest message that APPEND takes."},
    {"imap", "message_limit", NumberField{[](C& c) -> std::int64_t& { return c.imap.message_limit; }, 0, 1000},
     "How many messages one command works on (MESSAGELIMIT, RFC 9738): FETCH, STORE, SEARCH, MOVE and UID EXPUNGE do "
     "the "
     "newest of them and say so, COPY and APPEND of more are refused. 0: no limit. Below 1000 mail programs that do "
     "not "
     "know of it miss messages (RFC 9738 section 4), and above that APPEND takes no more."},
    {"imap", "idle_timeout", DurationField([](C& c) -> Duration& { return c.imap.idle_timeout; }),
     "How long a session may be silent; at least 30m (RFC 9051 section 5.4)."},
    {"imap", "public_account", TextField([](C& c) -> std::string& { return c.imap.public_account; }),
     "Address of the account whose mailboxes everybody finds below Public/, as far as their access control lists "
     "let them: angarium acl set. It may be disabled, then nobody logs in as it. Empty: there are no public "
     "mailboxes."},
    {"pop3", "idle_timeout", DurationField([](C& c) -> Duration& { return c.pop3.idle_timeout; }),
     "How long a session may be silent; at least 10m (RFC 1939 section 3)."},
    {"queue", "retry_first", DurationField([](C& c) -> Duration& { return c.queue.retry_first; }),
     "The pause after the first attempt that failed; it doubles with each further one."},
    {"queue", "retry_longest", DurationField([](C& c) -> Duration& { return c.queue.retry_longest; }),
     "The longest pause between two attempts."},
    {"queue", "lifetime", DurationField([](C& c) -> Duration& { return c.queue.lifetime; }),
     "How long a message is tried before it goes back to its sender; RFC 5321 section 4.5.4.1 asks for 4 to 5 days."},
    {"queue", "notice_after", DurationField([](C& c) -> Duration& { return c.queue.notice_after; }),
     "When the sender of a message that waits is told of the delay, once."},
    {"trace", "keep", DurationField([](C& c) -> Duration& { return c.trace.keep; }),
     "How long is kept what happened to each message (`angarium trace`); at least 1h. Mail that waits longer loses the "
     "beginning of its story."},
    {"trace", "size_max", SizeField{[](C& c) -> std::int64_t& { return c.trace.size_max; }, 16 << 20, 1LL << 40},
     "Disk for the stories of accepted messages, some 150 octets each; the oldest go first. Those of refused ones have "
     "an "
     "eighth of it besides."},
    {"outbound", "port", NumberField{[](C& c) -> std::int64_t& { return c.outbound.port; }, 1, 65535},
     "The port of other hosts' mail servers; 25 but for tests."},
    {"outbound", "sessions_max", NumberField{[](C& c) -> std::int64_t& { return c.outbound.sessions_max; }, 1, 100'000},
     "Sessions with other servers at one time, for each loop."},
    {"outbound", "per_destination_max",
     NumberField{[](C& c) -> std::int64_t& { return c.outbound.per_destination_max; }, 1, 10'000},
     "Of these, sessions for one domain, and for all domains together whose mail the hosts of one provider take."},
    {"dns", "servers", ListField([](C& c) -> std::vector<std::string>& { return c.dns.servers; }),
     "The recursive servers to ask: \"192.0.2.53\", \"127.0.0.1:5353\", \"[2001:db8::53]:53\". None: those of "
     "/etc/resolv.conf."},
    {"dns", "dnssec",
     ChoiceField{kDnssec, [](C& c, std::size_t i) { c.dns.dnssec = static_cast<Dnssec>(i); },
                 [](const C& c) { return static_cast<std::size_t>(c.dns.dnssec); }},
     "auto: what DNSSEC proves counts as proved, and an answer whose proof fails counts as unsigned, so that servers "
     "will do that do not hand out signatures. strict: such an answer counts as none, and mail waits (RFC 4035 section "
     "5.5); choose it where the servers can, for only then nobody on the way can forge what is signed. off: nothing is "
     "checked."},
    {"dns", "trust_anchor", TextField([](C& c) -> std::string& { return c.dns.trust_anchor; }),
     "File with the DS or DNSKEY records that DNSSEC begins with, relative to this file. Empty: the root's, "
     "/usr/share/dns/root.key of the package dns-root-data."},
    {"dns", "unsigned_domains", ListField([](C& c) -> std::vector<std::string>& { return c.dns.unsigned_domains; }),
     "Domains whose answers are never checked: private ones below a signed parent."},
    {"dns", "timeout", DurationField([](C& c) -> Duration& { return c.dns.timeout; }),
     "How long an answer may take before it counts as not known for now; from 1s to 1m."},
    {"limits", "connections_max",
     NumberField{[](C& c) -> std::int64_t& { return c.limits.connections_max; }, 10, 10'000'000},
     "Connections at one time over all listeners; more are told to come back. Fewer where the limit of descriptors "
     "(ulimit -n) leaves less than 1024 of them for the store."},
    {"limits", "connections_per_address",
     NumberField{[](C& c) -> std::int64_t& { return c.limits.connections_per_address; }, 0, 10'000'000},
     "Connections at one time from one address; 0: a tenth of limits.connections_max. This host itself is not "
     "counted."},
    {"limits", "memory_percent", NumberField{[](C& c) -> std::int64_t& { return c.limits.memory_percent; }, 1, 90},
     "Share of this host's memory that buffers and messages in flight may take."},
    {"limits", "handshake_timeout", DurationField([](C& c) -> Duration& { return c.limits.handshake_timeout; }),
     "How long a TLS handshake may take."},
    {"limits", "login_timeout", DurationField([](C& c) -> Duration& { return c.limits.login_timeout; }),
     "How long a POP3 or IMAP client may be silent, or IMAP take in all, before it has logged in."},
    {"limits", "send_timeout", DurationField([](C& c) -> Duration& { return c.limits.send_timeout; }),
     "How long a POP3 or IMAP client may leave what is sent to it unread, and a message of APPEND stand still."},
    {"store", "reserve", SizeField{[](C& c) -> std::int64_t& { return c.store.reserve; }, 1 << 20, 1LL << 50},
     "Free space on the store's disk below which mail is refused for now. Left at 1 GiB, 2 % of the disk will do "
     "where that is less; any other size counts as it is."},
    {"store", "cache", SizeField{[](C& c) -> std::int64_t& { return c.store.cache; }, 1 << 20, 1LL << 40},
     "Memory for the store's block cache."},
    {"store", "sweep_hour", NumberField{[](C& c) -> std::int64_t& { return c.store.sweep_hour; }, -1, 23},
     "The hour of the day, local time, from which on the disk gets back what deleted mail took; choose a quiet one. "
     "-1: only when `angarium sweep` is called."},
    {"store", "compress_after", DurationField([](C& c) -> Duration& { return c.store.compress_after; }),
     "How old mail is when sweeping compresses it, some 64 MiB of the store at a time: less of the disk for a little "
     "more work for who reads it. 0s: never; what is compressed becomes plain again when it is swept. An older version "
     "does not open a store that ever had compressed mail."},
    {"store", "encryption", SwitchField([](C& c) -> bool& { return c.store.encryption; }),
     "Mail that comes from now on is encrypted in the store, by keys that open with keys/server.keys beside it alone: "
     "keep a copy of that file elsewhere, without it all that mail is lost. What is there stays as it is; the words of "
     "the index, dates, sizes and who writes to whom are not encrypted. An older version does not read such mail."},
});

constexpr RepeatedKey kRepeated[] = {
    {"listener", "protocol",
     "What is spoken there: lmtp, smtp, submission, submissions, odmr, pop3, pop3s, imap, imaps, metrics."},
    {"listener", "address", "Where it listens: \"127.0.0.1:25\", \"[::1]:25\", \"unix:run/lmtp.sock\"."},
    {"certificate", "certificate", "PEM file with a further certificate chain, used for the names it is made out to."},
    {"certificate", "key", "PEM file with its private key."},
    {"relay_login", "name", "What login=NAME of a [transport] means."},
    {"relay_login", "user", "The name by which the relay knows us."},
    {"relay_login", "password_file",
     "File with the password as its only line, relative to this file; nobody but its owner may read it (chmod 600). "
     "Read at the start and on SIGHUP."},
    {"relay_login", "token_file",
     "Instead of password_file: a file with an access token (OAUTHBEARER, XOAUTH2) as its only line, read again at "
     "each "
     "login, so that another program can keep it fresh."},
    {"relay_login", "tickets",
     "Instead of password_file: the credentials cache of Kerberos (GSSAPI), \"/run/angarium/tickets\", as kinit -c "
     "makes it; whose tickets: user, NAME@REALM."},
    {"relay_login", "weak_mechanisms",
     "Whether DIGEST-MD5, NTLM or CRAM-MD5 will do where the relay has nothing better; without it they are never used. "
     "Who listens to them can guess the password.",
     "true or false"},
    {"relay_login", "layer",
     "With tls=none: what the relay and we have to agree on at the login, so that all behind it is protected "
     "(GSSAPI, or DIGEST-MD5 with weak_mechanisms): \"integrity\": nobody changes it; \"confidentiality\": nobody "
     "reads "
     "it either. Without it the login is used over TLS only."},
    {"odmr", "account",
     "Address of the account by which a customer logs in at the odmr listener (port 366) to fetch mail by ATRN (RFC "
     "2645): somebody who takes mail for domains of their own, and is not always there."},
    {"odmr", "domains",
     "Domains whose mail is taken from anybody, as by smtp.relay_domains, and kept in the queue for that account to "
     "fetch; it is not sent anywhere, whatever their MX records say. What nobody fetches goes back to its sender after "
     "queue.lifetime.",
     "list of texts"},
    {"directory", "name", "What the log calls it."},
    {"directory", "kind", "How people are looked for: ldap, postgresql or sqlite."},
    {"directory", "domains",
     "Domains whose people are kept there. They are served here with it; accounts that are added here come first, "
     "then the directories in their order. A person's account is made at the first mail or login.",
     "list of texts"},
    {"directory", "timeout", "How long connecting, and each answer, may take, from 100ms to 1m; 5s without it.",
     "duration"},
    {"directory", "connections", "Connections to it at one time, from 1 to 8; 4 without it.", "number"},
    {"directory", "password_file",
     "ldap, postgresql: file with our own password there as its only line; nobody but its owner may read it (chmod "
     "600)."},
    {"directory", "ca_file",
     "ldap, postgresql: PEM file with the authorities that its certificate may be from; the system's without it."},
    {"directory", "url",
     "ldap: \"ldaps://ldap.example.org\", several with blanks between. ldap:// without start_tls only to this host."},
    {"directory", "start_tls", "ldap: whether an ldap:// connection is encrypted before anything is said.",
     "true or false"},
    {"directory", "bind_dn", "ldap: the entry we search as, with the password of password_file; anonymous without it."},
    {"directory", "base", "ldap: the entry below which people are looked for."},
    {"directory", "filter",
     "ldap: finds one entry: \"(&(objectClass=inetOrgPerson)(mail={address}))\"; {user} and {domain} are the parts of "
     "the address. The password is checked by a bind as that entry."},
    {"directory", "address_attribute",
     "ldap: the attribute whose first value is the person's address; other addresses by which the filter finds them "
     "are aliases. \"mail\" without it; an entry without the attribute has the address that was asked for."},
    {"directory", "name_attribute", "ldap: the person's name; \"cn\" without it."},
    {"directory", "quota_attribute", "ldap: octets that the account may hold."},
    {"directory", "connection",
     "postgresql: libpq's words, \"host=db.example.org dbname=mail user=angarium\"; sslmode=verify-full unless they "
     "say otherwise or it is this host. The password belongs into password_file."},
    {"directory", "file", "sqlite: the database's file, relative to this one; it is only read."},
    {"directory", "query",
     "postgresql, sqlite: gives one row with the columns address, name, quota, password, those that are there: "
     "\"SELECT address, password FROM people WHERE address = {address}\"; also {user}, {domain}; never in quotes. "
     "Passwords: crypt(3) hashes (yescrypt, bcrypt, SHA-2), Argon2id, {SCRAM-SHA-256}, and these with Dovecot's "
     "{SCHEME} in front."},
    {"directory", "scram_iterations",
     "postgresql, sqlite: how many iterations the SCRAM keys there have, so that names that nobody has look alike: "
     "from "
     "4096 to 2000000; 4096 without it.",
     "number"},
    {"directory", "plain_passwords",
     "postgresql, sqlite: whether passwords may stand there as they are, behind {PLAIN}; false without it.",
     "true or false"},
    {"token_issuer", "issuer", "Who gives out access tokens for OAUTHBEARER and XOAUTH2: what their \"iss\" says."},
    {"token_issuer", "audience", "What their \"aud\" may say: names that the issuer knows this server by.",
     "list of texts"},
    {"token_issuer", "domains", "Domains whose addresses its tokens may name.", "list of texts"},
    {"token_issuer", "keys_file",
     "The issuer's public keys, a JWK set (RFC 7517) in a file, relative to this one; read again on SIGHUP."},
    {"token_issuer", "keys_url",
     "Instead of keys_file: where the issuer publishes them, \"https://login.example.org/keys\". Asked again for a key "
     "that is not known, at most once a minute; while it does not answer the keys that are known go on."},
    {"token_issuer", "ca_file",
     "PEM file with the authorities that its certificate may be from; the system's without it."},
    {"token_issuer", "address_claim", "The claim that holds the user's address; \"email\" without it."},
    {"token_issuer", "leeway", "How far the issuer's clock may be off, at most 10m; 1m without it.", "duration"},
    {"kerberos_realm", "realm", "A realm of Kerberos, \"EXAMPLE.ORG\", whose users log in by their tickets."},
    {"kerberos_realm", "domain", "Their accounts' domain: anna@EXAMPLE.ORG is anna@ this."},
};

constexpr std::string_view kTransportExplanation =
    "The way out for mail to other hosts, a line each: \"KEY\" = \"TRANSPORT\". KEY, the first that is there in this "
    "order: user@example.org, example.org or [192.0.2.1], .example.org (domains below it), then of the sender: from "
    "user@example.com (from <> for reports), from example.com, from .example.com, last *. TRANSPORT: dns; relay "
    "HOST[:PORT] [tls=opportunistic|none|required|verified|implicit] [login=NAME of a [[relay_login]]: over TLS only, "
    "tls=verified by itself]; lmtp HOST[:PORT] or lmtp unix:/PATH; target "
    "mbox:/PATH, maildir:/PATH/, pipe:COMMAND or exec:/PROGRAM WORDS; error [CODE [X.Y.Z]] TEXT; discard. "
    "Without a match: dns. Try it: angarium route explain ADDRESS.";

constexpr std::string_view kDeliveryExplanation =
    "Where the mail of accounts here is laid down, a line each: \"KEY\" = \"PLACE\". KEY, the first that is there in "
    "this "
    "order: anna@example.org, example.org, .example.org (domains below it), last *. PLACE: store (the own store, which "
    "POP3 and IMAP show; so it is without a match); mbox:/PATH; maildir:/PATH/; pipe:COMMAND; exec:/PROGRAM WORDS. "
    "{user} "
    "in it is the account's name, {home} the home of a user of this host: \"mbox:/var/mail/{user}\", "
    "\"maildir:{home}/Maildir/\". For users of this host it is done with their rights, for other accounts with the "
    "server's. Try it: angarium route explain ADDRESS.";

constexpr std::string_view kLocationExplanation =
    "Accounts here whose mail other programs of this host read in their own boxes, a line each: \"KEY\" = "
    "\"LOCATION\". "
    "KEY as in [delivery]. LOCATION: maildir:/PATH (a Maildir++); mbox:/FILE (INBOX alone); mbox:/FOLDER:INBOX=/FILE "
    "(a file of mbox for each mailbox); store (none; so it is without a match). {user} in it is the account's name, "
    "{home} the home of a user of this host. "
    "Mailboxes and boxes are kept the same, mail and flags, whoever changes them; POP3 and IMAP show the mailboxes, "
    "with "
    "lasting UIDs. The boxes of a user of this host are reached with that user's rights; :USER=NAME behind the "
    "location "
    "says whose else they are; those of other accounts, or with :USER= alone, have to be the server's user's. Without "
    "its line an account's mail is in the own store "
    "alone, whole; the boxes stay as they are.";

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array<Unit, 4> kSizes = {{{"GiB", 1LL << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}};
constexpr std::array<Unit, 5> kDurations = {
    {{"d", 86'400'000'000}, {"h", 3'600'000'000}, {"m", 60'000'000}, {"s", 1'000'000}, {"ms", 1000}}};

template <std::size_t N>
bool parse_units(std::string_view text, const std::array<Unit, N>& units, std::int64_t& value) {
  std::size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  const auto number = parse_number<std::uint64_t>(text.substr(0, digits));
  const std::string_view unit = trim(text.substr(digits));
  for (const Unit& candidate : units) {
    if (!number || unit != candidate.name) continue;
    if (*number > static_cast<std::uint64_t>(INT64_MAX / candidate.factor)) return false;
    value = static_cast<std::int64_t>(*number) * candidate.factor;
    return true;
  }
  return false;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace

std::span<const Key> keys() { return kKeys; }
std::span<const RepeatedKey> repeated_keys() { return kRepeated; }
std::string_view transport_explanation() { return kTransportExplanation; }
std::string_view delivery_explanation() { return kDeliveryExplanation; }
std::string_view location_explanation() { return kLocationExplanation; }
std::span<const std::string_view> listener_protocols() { return kProtocols; }

bool parse_size(std::string_view text, std::int64_t& octets) { return parse_units(text, kSizes, octets); }

std::string format_size(std::int64_t octets) {
  for (const Unit& unit : kSizes)
    if (octets >= unit.factor && octets % unit.factor == 0 && unit.factor > 1)
      return std::to_string(octets / unit.factor) + " " + std::string(unit.name);
  return std::to_string(octets);
}

bool parse_duration(std::string_view text, Duration& duration) {
  std::int64_t microseconds = 0;
  if (!parse_units(text, kDurations, microseconds)) return false;
  duration = Duration(microseconds);
  return true;
}

std::string format_duration(Duration duration) {
  for (const Unit& unit : kDurations)
    if (duration.count() >= unit.factor && duration.count() % unit.factor == 0)
      return std::to_string(duration.count() / unit.factor) + std::string(unit.name);
  return std::to_string(duration.count() / 1000) + "ms";
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::min<std::size_t>(3, word.size() / 2) + 1;
  for (std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace angarium::configuration
