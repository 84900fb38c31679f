// BURL (RFC 4468): what a URL names is read here, without any network, as URLFETCH would read it.
#include "agent/imap_account.h"
#include "agent/transaction.h"
#include "io/loop.h"
#include "protocol/imap/error.h"
#include "protocol/imap/url_authority.h"
#include "protocol/imap/url_message.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;
namespace smtp = protocol::smtp;

/// What is the URL's fault by one kind; the rest may go away by itself.
Error told(Error error, const ErrorKind& kind) {
  return error.fault() == Fault::user || error.fault() == Fault::syntax ? Error(kind, error.text()) : error;
}

class Content final : public smtp::UrlContent {
 public:
  explicit Content(imap::UrlMessage message) : message_(std::move(message)) {}
  [[nodiscard]] std::uint64_t size() const override { return message_.size(); }
  io::Task<Result<std::string_view>> next() override {
    if (message_.at_end()) co_return std::string_view();
    auto octets = co_await message_.next();
    if (!octets) co_return std::unexpected(told(std::move(octets).error(), smtp::kUrlNothing));
    octets_ = *std::move(octets);
    co_return octets_.octets;
  }

 private:
  imap::UrlMessage message_;
  imap::Octets octets_;
};

}  // namespace

io::Task<Result<std::unique_ptr<smtp::UrlContent>>> SmtpSession::open_url(std::string text) {
  const auto url = imap::parse_url(text);
  if (!url) co_return fail(smtp::kUrlNothing, url.error().text());
  // RFC 4468 §3.3: URLs that authorise nobody take "imap://SERVER" among the arguments of BURL.
  if (!url->access || !transaction_->submitter) co_return fail(smtp::kUrlForeign, "the URL authorises nobody");
  const account::Account& submitter = *transaction_->submitter;
  auto mail = CO_TRY(co_await desk_.services.mail().account(submitter.id));
  ImapAccount asking(desk_.services, desk_.budget, 0, submitter.address, peer_->identity->authentication_id,
                     std::move(mail));
  auto owner = co_await imap::authorised(asking, *url, imap::UrlUse::submission, io::Loop::current().clock().wall());
  if (!owner) co_return std::unexpected(told(std::move(owner).error(), smtp::kUrlRefused));
  const auto mailbox = imap::url_mailbox(*url, {});
  if (!mailbox) co_return fail(smtp::kUrlNothing, mailbox.error().text());
  auto message = co_await imap::UrlMessage::open(**owner, *mailbox, *url);
  if (!message) co_return std::unexpected(told(std::move(message).error(), smtp::kUrlNothing));
  co_return std::make_unique<Content>(*std::move(message));
}

}  // namespace angarium::agent
