#include "protocol/imap/url_message.h"

#include <algorithm>

#include "message/section.h"
#include "protocol/imap/limits.h"
#include "protocol/imap/section_range.h"

namespace angarium::protocol::imap {
namespace {

using Text = Section::Text;

/// As it is stored: a URL's octets do not depend on who asks.
constexpr auto kForm = message::ImapForm::utf8;

/// What is not there is the URL's fault.
Error as_url(Error error) {
  for (const ErrorKind* kind : {&kNonExistent, &kTryCreate, &kCannot, &kExpungeIssued, &kNoPermission})
    if (error.is(*kind)) return {kBadUrl, error.text()};
  return error;
}

}  // namespace

io::Task<Result<UrlMessage>> UrlMessage::open(Account& account, const std::string& mailbox, const ImapUrl& url) {
  UrlMessage message;
  auto selected = co_await account.select(mailbox, Access::read_only);
  if (!selected) co_return std::unexpected(as_url(std::move(selected).error()));
  message.mailbox_ = *std::move(selected);
  if (url.uid_validity != 0 && url.uid_validity != message.mailbox_->facts().uid_validity)
    co_return fail(kBadUrl, "The mailbox has another UIDVALIDITY");
  const auto view = message.mailbox_->view();
  if (view == nullptr) co_return fail(kBadUrl, "There is no such mailbox");
  if (view->read(view->lower_bound(url.uid), {&message.entry_, 1}) != 1 || message.entry_.uid != url.uid)
    co_return fail(kBadUrl, "There is no such message");
  CO_TRY(co_await message.choose(url));
  message.left_ = message.size();
  co_return message;
}

io::Task<Result<void>> UrlMessage::choose(const ImapUrl& url) {
  if (url.section == Section{}) {
    range_ = cut(entry_.octets(kForm), url.partial);
    co_return Result<void>{};
  }
  const auto structure = co_await mailbox_->structure(entry_, kForm);
  if (!structure) co_return std::unexpected(as_url(structure.error()));
  const auto found = message::find_section(**structure, url.section.part, section_text(url.section));
  if (!found) co_return fail(kBadUrl, "The message has no such part");
  if (url.section.text == Text::header_fields || url.section.text == Text::header_fields_not)
    co_return co_await choose_fields(url, *found);
  range_ = cut(found->size, url.partial);
  range_.begin += found->begin;
  co_return Result<void>{};
}

io::Task<Result<void>> UrlMessage::choose_fields(const ImapUrl& url, message::Range header) {
  range_ = {header.begin, std::min(header.size, kHeaderSubsetMax)};
  left_ = range_.size;
  std::string octets;
  while (!at_end()) octets += (CO_TRY(co_await next())).octets;
  const auto choice =
      url.section.text == Text::header_fields ? message::FieldChoice::named : message::FieldChoice::others;
  const auto subset = message::header_subset(octets, url.section.fields, choice);
  const auto stretch = cut(subset.size(), url.partial);
  subset_ = std::make_shared<const std::string>(subset, stretch.begin, stretch.size);
  co_return Result<void>{};
}

io::Task<Result<Octets>> UrlMessage::next() {
  if (subset_ != nullptr) {
    const auto piece = std::string_view(*subset_).substr(subset_->size() - left_, kBodyChunk);
    left_ -= piece.size();
    co_return Octets{piece, subset_};
  }
  auto piece = co_await mailbox_->read(entry_, kForm, range_.end() - left_, std::min<std::uint64_t>(left_, kBodyChunk));
  if (!piece) co_return std::unexpected(as_url(std::move(piece).error()));
  if (piece->octets.empty()) co_return fail(kBadUrl, "The message is shorter than it was");
  left_ -= piece->octets.size();
  co_return *std::move(piece);
}

}  // namespace angarium::protocol::imap
