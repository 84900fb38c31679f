#include "agent/imap_texts.h"

#include "base/text.h"
#include "message/content.h"
#include "message/threading.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

/// Texts that mailbox/ stores unless they are too large.
constexpr std::uint32_t kStored = imap::kFetchEnvelope | imap::kFetchBody | imap::kFetchBodyStructure;

}  // namespace

std::optional<message::Structure> message_structure(const mailbox::EmailView& email) {
  auto structure = message::deserialize(email.structure);
  if (!structure || structure->parts.empty()) return std::nullopt;
  const std::uint64_t shift = email.prepended.size();
  if (shift == 0) return structure;
  for (message::Part& part : structure->parts) {
    part.header_begin += shift;
    part.body_begin += shift;
    part.body_end += shift;
    if (part.type.size != 0) part.type.begin += shift;
    if (part.subtype.size != 0) part.subtype.begin += shift;
    for (message::Range& field : part.fields)
      if (field.begin != 0 || field.size != 0) field.begin += shift;
  }
  structure->parts.front().header_begin = 0;
  structure->parts.front().eight_bit_header |= !all_ascii(email.prepended);
  structure->size += shift;
  return structure;
}

TextCollector::TextCollector(std::size_t messages, std::uint32_t wanted, message::ImapForm form)
    : wanted_(wanted), form_(form), rows_(messages) {}

TextCollector::Place TextCollector::keep(std::string_view text) {
  const Place place{buffer_.size(), text.size()};
  buffer_ += text;
  return place;
}

void TextCollector::add(std::size_t index, const mailbox::EmailView& email) {
  Row& row = rows_[index];
  row.present = true;
  const mailbox::ReadyTexts& texts = form_ == message::ImapForm::utf8 ? email.utf8 : email.ascii;
  if ((wanted_ & imap::kFetchEnvelope) != 0) row.envelope = keep(texts.envelope);
  if ((wanted_ & imap::kFetchBody) != 0) row.body = keep(texts.body);
  if ((wanted_ & imap::kFetchBodyStructure) != 0) row.body_structure = keep(texts.body_structure);
  if ((wanted_ & imap::kFetchEmailId) != 0) row.email_id = keep(mailbox::email_id_text(email));
  if ((wanted_ & imap::kFetchThreadId) != 0 && email.thread != 0)
    row.thread_id = keep(mailbox::thread_id_text(email.thread));
  if ((wanted_ & imap::kFetchReferences) != 0) {
    row.references = keep(email.references.value_or(""));
    if (!email.references) unreferred_.push_back(index);
  }
  if ((wanted_ & (imap::kFetchPreview | imap::kFetchPreviewLazy)) != 0) {
    if (email.preview) row.preview = keep(*email.preview);
    // RFC 8970 §4.1: to read the message takes its time.
    else if ((wanted_ & imap::kFetchPreview) != 0)
      unpreviewed_.push_back(index);
  }
  if ((wanted_ & kStored) != 0 && !email.ready) unready_.push_back(index);
}

void TextCollector::refer(std::size_t index, std::string_view header) {
  rows_[index].references = keep(message::thread_references(header));
}

void TextCollector::show(std::size_t index, const mailbox::EmailView& email, std::string_view octets) {
  const auto structure = message_structure(email);
  rows_[index].preview = keep(structure ? message::preview(*structure, octets) : "");
}

void TextCollector::lose(std::size_t index) {
  damaged_.resize(rows_.size());
  damaged_[index] = 1;
}

bool TextCollector::make(std::size_t index, const mailbox::EmailView& email, std::string_view octets) {
  // As at acceptance: without the prepended fields, none of which has a place in these texts.
  const auto structure = message::deserialize(email.structure);
  if (!structure || structure->parts.empty() || octets.size() < email.prepended.size()) return false;
  octets.remove_prefix(email.prepended.size());
  using message::BodyForm;
  Row& row = rows_[index];
  if ((wanted_ & imap::kFetchEnvelope) != 0 && row.envelope.size == 0)
    row.envelope = keep(message::envelope_text(*structure, octets, form_));
  if ((wanted_ & imap::kFetchBody) != 0 && row.body.size == 0)
    row.body = keep(message::body_text(*structure, octets, BodyForm::body, form_));
  if ((wanted_ & imap::kFetchBodyStructure) != 0 && row.body_structure.size == 0)
    row.body_structure = keep(message::body_text(*structure, octets, BodyForm::structure, form_));
  return true;
}

imap::TextBatch TextCollector::finish() {
  const auto owner = std::make_shared<const std::string>(std::move(buffer_));
  const std::string_view all = *owner;
  const auto text = [&](const Place& place) { return all.substr(place.begin, place.size); };
  imap::TextBatch batch;
  batch.messages.reserve(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    batch.messages.push_back({text(row.envelope), text(row.body), text(row.body_structure), text(row.email_id),
                              text(row.thread_id), text(row.references)});
    // RFC 8970 §3.2: never NIL for who asked without LAZY.
    if (row.preview || (wanted_ & imap::kFetchPreview) != 0)
      batch.messages.back().preview = text(row.preview.value_or(Place{}));
    if (row.present) continue;
    batch.missing.resize(rows_.size());
    batch.missing[i] = 1;
  }
  batch.damaged = std::move(damaged_);
  batch.owner = owner;
  return batch;
}

}  // namespace angarium::agent
