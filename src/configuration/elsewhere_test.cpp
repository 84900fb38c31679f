#include "configuration/configuration.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::configuration;

namespace {

const std::string kLdap =
    "[[directory]]\nname = \"staff\"\nkind = \"ldap\"\ndomains = [\"example.org\"]\nurl = "
    "\"ldaps://ldap.example.org\"\n"
    "base = \"dc=example\"\nfilter = \"(mail={address})\"\n";
const std::string kPostgresql =
    "[[directory]]\nname = \"clients\"\nkind = \"postgresql\"\ndomains = [\"example.net\"]\n"
    "connection = \"host=db dbname=mail\"\nquery = \"SELECT * FROM p WHERE a = {address}\"\n";
const std::string kSqlite =
    "[[directory]]\nname = \"club\"\nkind = \"sqlite\"\ndomains = [\"example.net\"]\n"
    "file = \"people.sqlite\"\nquery = \"SELECT * FROM p WHERE a = {address}\"\n";
const std::string kIssuer =
    "[[token_issuer]]\nissuer = \"https://login.example.org\"\naudience = [\"mail\"]\ndomains = [\"example.org\"]\n";

std::string error_of(const std::string& text) {
  const auto result = parse(text, "/d");
  return result ? "" : result.error().text();
}
bool says(const std::string& text, std::string_view words) {
  const std::string error = error_of(text);
  CAPTURE(error);
  const bool said = error.find(words) != std::string::npos;
  CHECK(said);
  return said;
}
/// `text` with one of its lines replaced; empty: taken out.
std::string with(std::string text, const std::string& key, const std::string& line) {
  const std::size_t at = text.find("\n" + key + " = ") + 1;
  return text.replace(at, text.find('\n', at) - at + (line.empty() ? 1 : 0), line);
}

}  // namespace

TEST_CASE("[[directory]]: several, each of its kind, in their order") {
  const auto c = parse(kLdap + "bind_dn = \"cn=mail\"\npassword_file = \"secrets/ldap\"\ntimeout = \"2s\"\n" +
                           kPostgresql + "plain_passwords = true\nconnections = 8\n" + kSqlite,
                       "/d");
  REQUIRE_MESSAGE(c, c.error().text());
  REQUIRE(c->directories.size() == 3);
  CHECK(c->directories[0].kind == DirectoryKind::ldap);
  CHECK(c->directories[0].bind_dn == "cn=mail");
  CHECK(c->directories[0].timeout == std::chrono::seconds(2));
  CHECK(c->directories[0].address_attribute == "mail");
  CHECK(c->directories[1].kind == DirectoryKind::postgresql);
  CHECK(c->directories[1].plain_passwords);
  CHECK(c->directories[1].connections == 8);
  CHECK(c->directories[2].kind == DirectoryKind::sqlite);
  CHECK(c->resolve(c->directories[2].file) == "/d/people.sqlite");
}

TEST_CASE("[[directory]]: what is missing is named, with its line") {
  CHECK(error_of(with(kLdap, "base", "")) == "angarium.toml:1: [[directory]] needs base = \"…\"");
  for (const char* key : {"name", "kind", "domains", "url", "filter"})
    says(with(kLdap, key, ""), std::string("needs ") + key);
  for (const char* key : {"connection", "query"}) says(with(kPostgresql, key, ""), std::string("needs ") + key);
  for (const char* key : {"file", "query"}) says(with(kSqlite, key, ""), std::string("needs ") + key);
  says(with(kLdap, "domains", "domains = []"), "a list of texts");
  says(with(kLdap, "domains", "domains = [\"a b\"]"), "'a b' is no domain");
  says(with(kLdap, "kind", "kind = \"ldpa\""), "did you mean 'ldap'?");
  says(kLdap + "bese = \"x\"\n", "did you mean 'base'?");
  says(kLdap + "timeout = \"99ms\"\n", "from 100ms to 1m");
  says(kLdap + "timeout = \"61s\"\n", "from 100ms to 1m");
  says(kLdap + "connections = 0\n", "from 1 to 8");
  says(kLdap + "connections = 9\n", "from 1 to 8");
  says(kSqlite + "scram_iterations = 4095\n", "from 4096 to 2000000");
  says(kSqlite + "scram_iterations = 2000001\n", "from 4096 to 2000000");
  says(kLdap + "scram_iterations = 4096\n", "scram_iterations");
}

TEST_CASE("[[directory]]: a key of another kind is a mistake") {
  says(kLdap + "query = \"SELECT {user}\"\n", "directory.query is for kinds postgresql and sqlite");
  says(kPostgresql + "base = \"dc=example\"\n", "directory.base is for kind ldap");
  says(kPostgresql + "file = \"x\"\n", "directory.file is for kind sqlite");
  says(kSqlite + "password_file = \"x\"\n", "directory.password_file is for kinds ldap and postgresql");
}

TEST_CASE("[[directory]]: no password of a user crosses the network as it is") {
  says(with(kLdap, "url", "url = \"ldap://ldap.example.org\""), "as they are");
  says(with(kLdap, "url", "url = \"ldap://127.0.0.1.example.org\""), "as they are");
  says(with(kLdap, "url", "url = \"ldaps://a ldap://b\""), "as they are");
  for (const char* url : {"ldap://127.0.0.1:3389", "ldap://localhost", "ldap://[::1]:3389", "ldapi://%2Frun%2Fldapi"}) {
    CAPTURE(url);
    CHECK(error_of(with(kLdap, "url", "url = \"" + std::string(url) + "\"")).empty());
  }
  CHECK(error_of(with(kLdap, "url", "url = \"ldap://ldap.example.org\"\nstart_tls = true")).empty());
  says(kLdap + "start_tls = true\n", "start_tls is for \"ldap://HOST\"");
  says(with(kLdap, "url", "url = \"https://ldap.example.org\""), "is no \"ldaps://HOST\"");
}

TEST_CASE("[[directory]]: filters and statements are read before anybody is looked for") {
  says(with(kLdap, "filter", "filter = \"(mail=anna)\""), "needs {address} or {user}");
  says(with(kLdap, "filter", "filter = \"(mail={adress})\""), "{adress}");
  says(with(kLdap, "filter", "filter = \"(|(mail={address})\""), "each bracket closed");
  says(with(kLdap, "filter", "filter = \"mail={address}\""), "each bracket closed");
  says(with(kSqlite, "query", "query = \"SELECT * FROM p WHERE a = '{address}'\""), "without quotes");
  says(with(kPostgresql, "query", "query = \"DELETE FROM p WHERE a = {address}\""), "SELECT or WITH");
}

TEST_CASE("[[directory]]: passwords of ours stand in files") {
  says(with(kPostgresql, "connection", "connection = \"host=db password=secret\""), "password_file");
  says(kLdap + "bind_dn = \"cn=mail\"\n", "belong together");
  says(kLdap + "password_file = \"x\"\n", "belong together");
  says(kLdap + "bind_password = \"x\"\n", "unknown key 'bind_password'");
  CHECK(error_of(with(kPostgresql, "connection", "connection = \"host=db password=secret\"")).find("secret") ==
        std::string::npos);
}

TEST_CASE("[[token_issuer]]: keys from a file or from https, for named domains") {
  const auto c = parse(kIssuer + "keys_file = \"keys.json\"\nleeway = \"0s\"\n", "/d");
  REQUIRE_MESSAGE(c, c.error().text());
  REQUIRE(c->token_issuers.size() == 1);
  CHECK(c->token_issuers[0].address_claim == "email");
  CHECK(c->token_issuers[0].leeway == Duration(0));
  CHECK(error_of(kIssuer + "keys_url = \"https://login.example.org/keys\"\nca_file = \"ca.pem\"\n").empty());
  says(kIssuer, "one of them");
  says(kIssuer + "keys_file = \"a\"\nkeys_url = \"https://b\"\n", "one of them");
  says(kIssuer + "keys_url = \"http://login.example.org/keys\"\n", "begins with https://");
  says(kIssuer + "keys_file = \"a\"\nca_file = \"b\"\n", "ca_file is for keys_url");
  says(kIssuer + "keys_file = \"a\"\nleeway = \"11m\"\n", "from 0ms to 10m");
  for (const char* key : {"issuer", "audience", "domains"})
    says(with(kIssuer + "keys_file = \"a\"\n", key, ""), std::string("needs ") + key);
}

TEST_CASE("[[kerberos_realm]]: one domain for each realm, which counts on SIGHUP") {
  const std::string realm = "[[kerberos_realm]]\nrealm = \"EXAMPLE.ORG\"\ndomain = \"example.org\"\n";
  const auto used = parse(realm, "/d");
  REQUIRE_MESSAGE(used, used.error().text());
  CHECK(used->kerberos_realms == std::vector<KerberosRealm>{{.realm = "EXAMPLE.ORG", .domain = "example.org"}});
  for (const char* key : {"realm", "domain"}) says(with(realm, key, ""), std::string("needs ") + key);
  says(with(realm, "domain", "domain = \"example..org\""), "is no domain");
  says(realm + realm, "twice");
  says(realm + "keytab = \"x\"\n", "unknown key 'keytab'");
  Configuration wanted = *used;
  wanted.kerberos_realms[0].domain = "example.net";
  wanted.kerberos.keytab = "mail.keytab";
  CHECK(plan_reload(*used, wanted).changed == std::vector<std::string>{"kerberos.keytab", "kerberos_realm"});
  CHECK(effect_of("kerberos.keytab") == "on SIGHUP, at once");
  CHECK(effect_of("kerberos_realm.realm") == "on SIGHUP, at once");
}

TEST_CASE("directories and issuers count on SIGHUP, and are explained") {
  const auto used = parse(kLdap + kIssuer + "keys_file = \"a\"\n", "/d");
  REQUIRE(used);
  Configuration wanted = *used;
  wanted.directories[0].filter = "(uid={user})";
  wanted.token_issuers[0].keys_file = "b";
  CHECK(plan_reload(*used, wanted).changed == std::vector<std::string>{"directory", "token_issuer"});
  CHECK(plan_reload(*used, *used).changed.empty());
  CHECK(effect_of("directory.url") == "on SIGHUP, at once");
  const auto key = explain(*used, "directory.filter");
  REQUIRE(key);
  CHECK(key->explanation.find("{address}") != std::string::npos);
  CHECK(explain(*used, "token_issuer.leeway")->type == "duration");
}
