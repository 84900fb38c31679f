#include <thread>

#include "directory/ldap/filter.h"
#include "directory/ldap/source.h"
#include "support/test.h"

using namespace angarium;
using namespace angarium::directory;

TEST_CASE("RFC 4515 section 3: a value in a filter is data, whatever signs it has") {
  CHECK(escape_filter_value("anna") == "anna");
  CHECK(escape_filter_value("*") == "\\2a");
  CHECK(escape_filter_value("a)(uid=*))(|(uid=*") == "a\\29\\28uid=\\2a\\29\\29\\28|\\28uid=\\2a");
  CHECK(escape_filter_value("C:\\MyFile") == "C:\\5cMyFile");
  CHECK(escape_filter_value(std::string_view("\0\x04\x7f", 3)) == "\\00\\04\\7f");
  CHECK(escape_filter_value("J\xc3\xbcrgen") == "J\xc3\xbcrgen");
}

TEST_CASE("a filter is filled at each of its places") {
  const auto filter = parse_template("(&(o={domain})(|(mail={address})(uid={user})))");
  REQUIRE(filter);
  CHECK(fill_filter(*filter, asked_for("a*@example.org")) ==
        "(&(o=example.org)(|(mail=a\\2a@example.org)(uid=a\\2a)))");
}

TEST_CASE("an empty password is wrong without asking, and a server that is not there is an outage") {
  LdapOptions options{.name = "staff",
                      .url = "ldap://127.0.0.1:1",
                      .base = "dc=example",
                      .filter = *parse_template("(mail={address})")};
  const auto source = ldap_source(std::move(options));
  const auto empty = source->check(asked_for("anna@example.org"), sasl::Secret());
  REQUIRE(empty);
  CHECK(empty->kind == Source::Check::Kind::wrong);
  const auto nobody = source->find(asked_for("anna@example.org"));
  REQUIRE(!nobody);
  CHECK(nobody.error().is(kUnreachable));
  CHECK(nobody.error().temporary());
  const auto keys = source->scram_keys(asked_for("anna@example.org"), sasl::Hash::sha256);
  REQUIRE(keys);
  CHECK(!*keys);
}
