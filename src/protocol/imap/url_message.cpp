#include "protocol/imap/url_message.h"

#include <algorithm>

#include "message/section.h"
#include "protocol/imap/body_part.h"
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

bool has_first(const TextBatch& texts) {
  return (texts.missing.empty() || texts.missing.front() == 0) &&
         (texts.damaged.empty() || texts.damaged.front() == 0) && !texts.messages.empty();
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
  message.section_ = url.section;
  message.partial_ = url.partial;
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

io::Task<Result<void>> UrlMessage::count(Decoding& decoding) const {
  std::uint64_t total = 0;
  DecodedPart octets({*mailbox_, entry_, kForm}, decoding.part, decoding.encoding);
  while (!octets.at_end()) {
    const auto piece = co_await octets.next();
    if (!piece) co_return std::unexpected(as_url(piece.error()));
    decoding.zero_octets |= piece->contains('\0');
    total += piece->size();
  }
  decoding.stretch = cut(total, partial_);
  co_return Result<void>{};
}

io::Task<Result<void>> UrlMessage::decode() {
  // Headers and the message itself have no transfer encoding.
  if (section_.part.empty() || section_.text != Text::all) co_return Result<void>{};
  const auto structure = co_await mailbox_->structure(entry_, kForm);
  if (!structure) co_return std::unexpected(as_url(structure.error()));
  const auto binary = message::find_binary(**structure, section_.part);
  if (!binary) co_return fail(kBadUrl, "The message has no such part");
  if (binary->encoding == message::Encoding::unknown)
    co_return fail(kUnknownCte, "The part's transfer encoding is not known");
  Decoding decoding{.part = binary->range, .encoding = binary->encoding, .stretch = {}};
  CO_TRY(co_await count(decoding));
  left_ = decoding.stretch.size;
  decoding_.emplace(std::move(decoding));
  co_return Result<void>{};
}

io::Task<Result<std::uint64_t>> UrlMessage::lines(const message::Part& root) const {
  std::uint64_t found = root.lines;
  for (std::uint64_t at = 0; at < root.body_begin;) {
    const auto piece =
        co_await mailbox_->read(entry_, kForm, at, std::min<std::uint64_t>(root.body_begin - at, kBodyChunk));
    if (!piece) co_return std::unexpected(as_url(piece.error()));
    if (piece->octets.empty()) co_return fail(kBadUrl, "The message is shorter than it was");
    found += static_cast<std::uint64_t>(std::ranges::count(piece->octets, '\n'));
    at += piece->octets.size();
  }
  co_return found;
}

/// RFC 5524 §3.2: it tells of the data as they are given, and those are a message, header and all.
io::Task<Result<std::string>> UrlMessage::message_structure() {
  const auto structure = co_await mailbox_->structure(entry_, kForm);
  if (!structure) co_return std::unexpected(as_url(structure.error()));
  const auto texts = co_await mailbox_->texts({&entry_, 1}, kFetchEnvelope | kFetchBody, kForm);
  if (!texts) co_return std::unexpected(as_url(texts.error()));
  if (!has_first(*texts) || (*structure)->parts.empty()) co_return fail(kBadUrl, "There is no such message");
  const MessageTexts& text = texts->messages.front();
  std::string out = R"(("MESSAGE" "RFC822" NIL NIL NIL "8BIT" )" + std::to_string(size()) + " ";
  out.append(text.envelope).append(" ").append(text.body);
  co_return out + " " + std::to_string(CO_TRY(co_await lines((*structure)->parts.front()))) + ")";
}

io::Task<Result<std::string>> UrlMessage::body_structure() {
  if (section_ == Section{}) co_return co_await message_structure();
  const bool of_part = section_.text == Text::all;
  if (of_part) {
    const auto texts = co_await mailbox_->texts({&entry_, 1}, kFetchBody, kForm);
    if (!texts) co_return std::unexpected(as_url(texts.error()));
    if (const auto body = has_first(*texts) ? body_of_part(texts->messages.front().body, section_.part) : std::nullopt)
      co_return decoding_ ? body_without_encoding(*body, decoding_->stretch.size) : std::string(*body);
    co_return fail(kBadUrl, "The message has no such part");
  }
  // A header, or a text without its header, is no part that would have a type of its own.
  co_return R"(("APPLICATION" "OCTET-STREAM" NIL NIL NIL "8BIT" )" + std::to_string(size()) + ")";
}

/// The overlap of what comes with what was asked for.
io::Task<Result<Octets>> UrlMessage::next_decoded() {
  auto& [part, encoding, stretch, zero_octets, position, octets] = *decoding_;
  if (!octets) octets.emplace(Source{*mailbox_, entry_, kForm}, part, encoding);
  for (;;) {
    if (octets->at_end()) co_return fail(kBadUrl, "The message is shorter than it was");
    const auto piece = co_await octets->next();
    if (!piece) co_return std::unexpected(as_url(piece.error()));
    const auto begin = std::max(position, stretch.begin);
    const auto end = std::min(position + piece->size(), stretch.end());
    const auto skipped = begin - std::min(position, begin);
    position += piece->size();
    if (begin >= end) continue;
    const auto kept = std::make_shared<const std::string>(piece->substr(skipped, end - begin));
    left_ -= kept->size();
    co_return Octets{*kept, kept};
  }
}

io::Task<Result<Octets>> UrlMessage::next() {
  if (decoding_) co_return co_await next_decoded();
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
