// ANONYMOUS (RFC 4505): a guest, and what they like to say of themselves.
#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/text.h"
#include "sasl/mechanism.h"

namespace angarium::sasl {
namespace {

/// RFC 4505 §2: a token has 255 characters, of four octets each at most. An address is not longer.
constexpr std::size_t kTraceCharactersMax = 255;
constexpr std::size_t kTraceOctetsMax = 4 * kTraceCharactersMax;

/// Opened once, read-only afterwards, never closed.
const UStringPrepProfile* trace_profile() {
  static const UStringPrepProfile* const opened = [] {
    UErrorCode status = U_ZERO_ERROR;
    const UStringPrepProfile* result = usprep_openByType(USPREP_RFC4505_TRACE, &status);
    return U_SUCCESS(status) ? result : nullptr;
  }();
  return opened;
}

std::size_t characters(std::string_view utf8) {
  return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// By the profile "trace" (RFC 4505 §3), which forbids and never changes anything.
Result<std::string> trace(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.size() > kTraceOctetsMax) return fail(kTooLong, "ANONYMOUS: the trace information is too long");
  if (!valid_utf8(text)) return fail(kMalformed, "ANONYMOUS: the trace information is not UTF-8");
  if (characters(text) > kTraceCharactersMax) return fail(kTooLong, "ANONYMOUS: the trace information is too long");
  if (trace_profile() == nullptr) return fail(kBroken, "the Unicode library has no tables for trace information");
  UErrorCode status = U_ZERO_ERROR;
  std::vector<char16_t> wide(text.size());
  std::vector<char16_t> prepared(text.size());
  std::int32_t length = 0;
  u_strFromUTF8(wide.data(), static_cast<std::int32_t>(wide.size()), &length, text.data(),
                static_cast<std::int32_t>(text.size()), &status);
  usprep_prepare(trace_profile(), wide.data(), length, prepared.data(), static_cast<std::int32_t>(prepared.size()),
                 USPREP_ALLOW_UNASSIGNED, nullptr, &status);
  if (U_FAILURE(status)) return fail(kMalformed, "ANONYMOUS: the trace information holds a prohibited character");
  return std::string(text);
}

class AnonymousServer final : public ServerExchange {
 public:
  explicit AnonymousServer(ServerContext given) : ServerExchange(std::move(given), Starts::client) {}

 protected:
  ServerStep receive(std::string_view response) override {
    auto said = trace(response);
    if (!said) return Failure{std::move(said).error()};
    return GuestWanted{*std::move(said)};
  }
  ServerStep verdict_given(Result<> verdict) override {
    if (!verdict) return Failure{std::move(verdict).error()};
    return Success{{.authentication_id = "anonymous", .authorization_id = {}, .standing = Standing::guest}, {}};
  }
};

class AnonymousClient final : public ClientExchange {
 public:
  explicit AnonymousClient(ClientContext given) : ClientExchange(std::move(given)) {}

  Result<std::optional<std::string>> initial_response() override { return TRY(trace(context().trace)); }
  Result<std::string> respond(std::string_view) override {
    return fail(kMalformed, "ANONYMOUS: the server asks for more");
  }
  Result<> finish(std::string_view data) override {
    if (!data.empty()) return fail(kMalformed, "ANONYMOUS: success comes without data");
    return {};
  }
};

}  // namespace

constinit const Mechanism kAnonymous = {"ANONYMOUS",
                                        OnTheWire::nothing,
                                        Needs::nothing,
                                        Binding::none,
                                        Grade::weak,
                                        ByDefault::off,
                                        [](ServerContext context) -> std::unique_ptr<ServerExchange> {
                                          return std::make_unique<AnonymousServer>(std::move(context));
                                        },
                                        [](ClientContext context) -> std::unique_ptr<ClientExchange> {
                                          return std::make_unique<AnonymousClient>(std::move(context));
                                        }};

}  // namespace angarium::sasl
