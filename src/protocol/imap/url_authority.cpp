#include "protocol/imap/url_authority.h"

#include "base/random.h"
#include "base/text.h"
#include "protocol/imap/limits.h"
#include "sasl/crypto.h"

namespace angarium::protocol::imap {
namespace {

/// RFC 4467 §2.4.1: tokens of another algorithm can be told from these.
constexpr std::string_view kHmacSha256 = "01";

/// What is not there is not the asking client's to know.
bool betrays(const Error& error) { return error.fault() == Fault::user || error.fault() == Fault::syntax; }

/// RFC 4467 §3. The IMAP side knows no submission servers but the one in this program.
bool permits(const UrlAccess& access, const Account& asking, UrlUse use) {
  using Who = UrlAccess::Who;
  switch (access.who) {
    case Who::anybody: return true;
    case Who::any_user: return !asking.is_guest();
    case Who::user: return use == UrlUse::session && asking.is_user(access.user);
    case Who::submitter: return use == UrlUse::submission && asking.is_user(access.user);
  }
  return false;
}

/// Where the key of a URL comes from.
struct Signer {
  std::shared_ptr<Account> account;
  std::optional<std::string> key;
};

io::Task<Result<Signer>> signer_of(Account& asking, const ImapUrl& url) {
  Signer signer;
  const auto name = url_mailbox(url, {});
  auto account = co_await asking.of_user(url.user);
  if (!account && !betrays(account.error())) co_return std::unexpected(std::move(account).error());
  if (!account || !name) co_return signer;
  signer.account = *std::move(account);
  auto key = co_await signer.account->url_key(*name);
  if (!key && !betrays(key.error())) co_return std::unexpected(std::move(key).error());
  if (key) signer.key = *std::move(key);
  co_return signer;
}

}  // namespace

Result<std::string> url_token(std::string_view key, std::string_view rump) {
  return std::string(kHmacSha256) + to_hex(TRY(sasl::hmac(sasl::Hash::sha256, key, rump)));
}

io::Task<Result<std::shared_ptr<Account>>> authorised(Account& asking, const ImapUrl& url, UrlUse use, WallTime now) {
  if (!url.access || url.user.empty() || url.mechanism != kUrlMechanism)
    co_return fail(kBadUrl, "The URL authorises nobody");
  auto signer = CO_TRY(co_await signer_of(asking, url));
  // RFC 4467 §6: what is not there takes as long as what is there and was not signed.
  const std::string nobodys = system_random().octets(kUrlKeyOctets);
  const auto token = CO_TRY(url_token(signer.key ? *signer.key : nobodys, url.rump));
  const bool signed_so = equal_constant_time(token, to_lower(url.token)) && signer.key.has_value();
  const bool expired = url.expires && *url.expires < now;
  if (!signed_so || expired || !permits(*url.access, asking, use))
    co_return fail(kBadUrl, "The URL does not authorise this");
  co_return std::move(signer.account);
}

}  // namespace angarium::protocol::imap
