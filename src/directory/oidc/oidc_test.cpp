#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "directory/oidc/fetch.h"
#include "support/test.h"
#include "token/keys.h"

using namespace angarium;
using namespace angarium::directory;

TEST_CASE("keys from a file, within the limit") {
  std::string name = (std::filesystem::temp_directory_path() / "directory_oidc_XXXXXX").string();
  REQUIRE(mkdtemp(name.data()) != nullptr);
  const std::string path = name + "/keys.json";
  CHECK(read_keys(path).error().is(kNoKeys));
  std::ofstream(path) << std::string(token::kSetMax, ' ');
  CHECK(read_keys(path)->size() == token::kSetMax);
  std::ofstream(path) << std::string(token::kSetMax + 1, ' ');
  CHECK(read_keys(path).error().is(kNoKeys));
  CHECK(read_keys(name).error().is(kNoKeys));
  std::filesystem::remove_all(name);
}

TEST_CASE("keys come by https alone, and an issuer that is not there is a temporary error") {
  for (const char* url :
       {"http://127.0.0.1:1/keys", "file:///etc/passwd", "ftp://127.0.0.1/keys", "https://127.0.0.1:1/keys"}) {
    CAPTURE(url);
    const auto keys = fetch_keys(url, "/etc/ssl/certs/ca-certificates.crt", std::chrono::seconds(2));
    REQUIRE(!keys);
    CHECK(keys.error().is(kNoKeys));
    CHECK(keys.error().temporary());
  }
  CHECK(fetch_keys("https://127.0.0.1:1/keys", "/nonexistent.pem").error().is(kNoKeys));
}
