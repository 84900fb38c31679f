// The server's half of every mechanism on lines of hostile input; each request for credentials is answered in one of
// the ways a caller may answer. Nothing but the right password may succeed.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.h"
#include "sasl/keys.h"
#include "sasl/line.h"
#include "sasl/mechanism.h"
#include "sasl/memory_gss.h"

using namespace angarium;
using namespace angarium::sasl;

namespace {

const ScramKeys& keys(Hash hash) {
  static const ScramKeys sha1 = scram_keys("pencil", "0123456789abcdef", 4096, Hash::sha1).value();
  static const ScramKeys sha256 = scram_keys("pencil", "0123456789abcdef", 4096, Hash::sha256).value();
  static const ScramKeys sha512 = scram_keys("pencil", "0123456789abcdef", 4096, Hash::sha512).value();
  return hash == Hash::sha1 ? sha1 : hash == Hash::sha256 ? sha256 : sha512;
}

std::string_view key_of(KeyKind kind) {
  static const Secret contexts = cram_md5_key("pencil").value();
  static const Secret digest = digest_md5_key("user", "host", "pencil").value();
  static const Secret hash = nt_hash("pencil").value();
  return kind == KeyKind::hmac_md5_contexts ? contexts.view()
         : kind == KeyKind::digest_md5      ? digest.view()
                                            : hash.view();
}

const OtpState& otp(OtpAlgorithm algorithm) {
  static const OtpState md4 =
      otp_state("pencil and paper", {.algorithm = OtpAlgorithm::md4, .sequence = 9, .seed = "ke1234"}).value();
  static const OtpState sha1 =
      otp_state("pencil and paper", {.algorithm = OtpAlgorithm::sha1, .sequence = 9, .seed = "ke1234"}).value();
  return algorithm == OtpAlgorithm::md4 ? md4 : sha1;
}

ServerStep answer(ServerExchange& server, ServerStep step, unsigned mode) {
  if (auto* wanted = std::get_if<PasswordWanted>(&step))
    return server.answer_verdict(wanted->password.view() == "pencil" ? Result<>() : fail(kBadCredentials, ""));
  if (std::holds_alternative<AuthorityWanted>(step)) return server.answer_verdict({});
  if (auto* wanted = std::get_if<ScramKeysWanted>(&step)) {
    if (mode % 3 == 0) return server.answer_scram(std::optional<ScramCredentials>());
    return server.answer_scram(
        ScramCredentials{keys(wanted->hash), mode % 3 == 1 ? Authority::granted : Authority::refused});
  }
  const Authority authority = mode % 3 == 1 ? Authority::granted : Authority::refused;
  if (auto* wanted = std::get_if<KeyWanted>(&step)) {
    if (mode % 3 == 0) return server.answer_key(std::optional<KeyCredentials>());
    return server.answer_key(KeyCredentials{Secret::copy(key_of(wanted->kind)), authority});
  }
  if (std::holds_alternative<OtpWanted>(step)) {
    if (mode % 3 == 0) return server.answer_otp(std::optional<OtpCredentials>());
    return server.answer_otp(OtpCredentials{otp(mode % 2 == 0 ? OtpAlgorithm::md4 : OtpAlgorithm::sha1), authority});
  }
  if (auto* change = std::get_if<OtpChange>(&step)) {
    // Only the one password that comes next leads here, and never a state that is of no use.
    if (!is_otp_seed(change->to.seed) || change->to.last.size() != kOtpOctets ||
        change->to.sequence > kOtpSequenceMax || change->from == change->to)
      std::abort();
    return server.answer_verdict({});
  }
  if (auto* wanted = std::get_if<TokenWanted>(&step)) {
    if (wanted->token.view() == "pencil") return server.answer_token("user");
    return server.answer_token(fail(kBadCredentials, ""));
  }
  if (auto* wanted = std::get_if<GssWanted>(&step))
    return answer(server, server.answer_gss(memory_gss_answer(std::move(*wanted))), mode);
  if (auto* wanted = std::get_if<GuestWanted>(&step)) {
    if (!valid_utf8(wanted->trace)) std::abort();
    return server.answer_verdict({});
  }
  return step;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const Mechanism& mechanism = *mechanisms()[data[0] % mechanisms().size()];
  const unsigned mode = data[1];
  input.remove_prefix(2);
  SeededRandom random(1);
  auto server = mechanism.serve({.bindings = {{"tls-exporter", "0123"}},
                                 .plus_offered = mode % 2 == 0 ? PlusOffered::no : PlusOffered::yes,
                                 .external_identity = mode % 5 == 0 ? std::optional<std::string>("ann") : std::nullopt,
                                 .fake_salt_key = "k",
                                 .service = "imap",
                                 .host = "host",
                                 .protection = mode % 4 == 0 ? Protection::confidentiality : Protection::none,
                                 .now = mode % 7 == 0 ? std::optional(WallTime{}) : std::nullopt,
                                 .random = &random});
  const std::string_view first = take_until(input, '\n');
  ServerStep step = answer(*server, server->start(first.empty() ? std::nullopt : std::optional(first)), mode);
  for (int round = 0; round < 8 && std::holds_alternative<Challenge>(step); ++round)
    step = answer(*server, server->step(take_until(input, '\n')), mode);
  // A proof is a message authentication code over our nonce: no input of the fuzzer can hold it, but for a one-time
  // password, which the dictionary gives away, and for tickets, which are believed here.
  if (std::holds_alternative<Success>(step) && mechanism.on_the_wire == OnTheWire::proof &&
      mechanism.needs != Needs::pass_phrase && mechanism.needs != Needs::ticket)
    std::abort();
  if (const auto* success = std::get_if<Success>(&step))
    if ((success->identity.standing == Standing::guest) != (mechanism.needs == Needs::nothing)) std::abort();
  if (auto response = decode_response(first);
      response && !first.empty() && decode_initial_response(first).value_or("") != *response)
    std::abort();
  return 0;
}
