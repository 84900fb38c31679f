#include <cstdint>

#include "token/token.h"

using namespace angarium;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  static const auto keys = token::parse_keys(
      R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
  const std::string_view text(reinterpret_cast<const char*>(octets), size);
  const token::Terms terms{.issuer = "joe", .audience = {"mail"}};
  (void)token::parse_keys(text);
  (void)token::judge_claims(text, terms, WallTime::from_seconds(1'300'000'000));
  (void)token::claimed_issuer(text);
  if (keys && token::verify_signature(text, *keys) &&
      text !=
          "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
          "09PGcvMg3AIbQR6dWbhijcNR4ki4iylG"
          "jg5BhVsPt9g7sVvpAr_MuM0KAg")
    __builtin_trap();  // nobody else has the key
  return 0;
}
