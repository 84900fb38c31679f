#include "mailbox/record.h"

#include <algorithm>
#include <array>

#include "keyring/server_keys.h"
#include "mailbox/codec.h"
#include "mailbox/limits.h"

namespace angarium::mailbox {

namespace {

constexpr char kVersion = 1;
/// Of an email record that is sealed: a program that does not know it must not show sealed octets as mail.
constexpr char kSealedVersion = 2;

std::string versioned() { return std::string(1, kVersion); }

RecordReader open_record(std::string_view octets) {
  RecordReader reader(octets);
  if (reader.octet() != kVersion) reader.broken();
  return reader;
}

/// The record was read to its end and nothing was missing.
Result<> whole(const RecordReader& reader, std::string_view what) {
  if (reader.ok() && reader.at_end()) return {};
  return fail(kDamaged, "a record of " + std::string(what) + " is damaged");
}

}  // namespace

std::string AccountCounters::encode() const {
  std::string out = versioned();
  put_number(out, modseq);
  put_number(out, email_next);
  put_number(out, mailbox_next);
  put_number(out, uid_validity_next);
  return out;
}

Result<AccountCounters> AccountCounters::decode(std::string_view octets) {
  RecordReader reader = open_record(octets);
  AccountCounters result;
  result.modseq = reader.number();
  result.email_next = reader.number();
  result.mailbox_next = static_cast<MailboxId>(reader.number_up_to(UINT32_MAX));
  result.uid_validity_next = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  TRY(whole(reader, "an account"));
  return result;
}

void AccountCounters::merge(const AccountCounters& other) {
  modseq = std::max(modseq, other.modseq);
  email_next = std::max(email_next, other.email_next);
  mailbox_next = std::max(mailbox_next, other.mailbox_next);
  uid_validity_next = std::max(uid_validity_next, other.uid_validity_next);
}

std::string MailboxCounters::encode() const {
  std::string out = versioned();
  put_number(out, uid_next);
  put_number(out, modseq);
  put_number(out, email_next);
  put_signed(out, tally.messages);
  put_signed(out, tally.unseen);
  put_signed(out, tally.deleted);
  put_signed(out, tally.octets);
  return out;
}

Result<MailboxCounters> MailboxCounters::decode(std::string_view octets) {
  RecordReader reader = open_record(octets);
  MailboxCounters result;
  result.uid_next = static_cast<Uid>(reader.number_up_to(kUidMax));
  result.modseq = reader.number();
  result.email_next = reader.number();
  result.tally.messages = reader.signed_number();
  result.tally.unseen = reader.signed_number();
  result.tally.deleted = reader.signed_number();
  result.tally.octets = reader.signed_number();
  TRY(whole(reader, "counters"));
  return result;
}

void MailboxCounters::merge(const MailboxCounters& other) {
  uid_next = std::max(uid_next, other.uid_next);
  modseq = std::max(modseq, other.modseq);
  email_next = std::max(email_next, other.email_next);
  tally += other.tally;
}

std::string MailboxRecord::encode() const {
  std::string out = versioned();
  put_octets(out, name);
  put_number(out, uid_validity);
  put_number(out, static_cast<std::uint64_t>(use));
  put_number(out, selectable ? 1 : 0);
  return out;
}

Result<MailboxRecord> MailboxRecord::decode(std::string_view octets) {
  RecordReader reader = open_record(octets);
  MailboxRecord result;
  result.name = reader.octets();
  result.uid_validity = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  result.use = static_cast<SpecialUse>(reader.number_up_to(static_cast<std::uint64_t>(SpecialUse::all)));
  result.selectable = reader.number_up_to(1) == 1;
  TRY(whole(reader, "a mailbox"));
  return result;
}

std::string encode_limits(const QuotaLimits& limits) {
  std::string out = versioned();
  put_number(out, limits.octets);
  put_number(out, limits.messages);
  return out;
}

Result<QuotaLimits> decode_limits(std::string_view octets) {
  RecordReader reader = open_record(octets);
  QuotaLimits result;
  result.octets = reader.number();
  result.messages = reader.number();
  TRY(whole(reader, "a quota"));
  return result;
}

std::string encode_access(const AccessList& list) {
  std::string out = versioned();
  put_number(out, list.size());
  for (const AccessEntry& entry : list) {
    put_octets(out, entry.identifier);
    put_number(out, static_cast<std::uint64_t>(entry.sense));
    put_number(out, entry.rights);
  }
  return out;
}

Result<AccessList> decode_access(std::string_view octets) {
  RecordReader reader = open_record(octets);
  AccessList result;
  for (std::uint64_t left = reader.number_up_to(kAccessEntriesMax); left > 0 && reader.ok(); --left) {
    AccessEntry& entry = result.emplace_back();
    entry.identifier = reader.octets();
    entry.sense = static_cast<AccessEntry::Sense>(reader.number_up_to(1));
    entry.rights = static_cast<Rights>(reader.number_up_to(kAllRights));
  }
  TRY(whole(reader, "an access control list"));
  return result;
}

std::string encode_emails(std::span<const EmailId> emails) {
  std::string out;
  EmailId before = 0;
  for (const EmailId email : emails) {
    put_signed(out, static_cast<std::int64_t>(email - before));
    before = email;
  }
  return out;
}

Result<std::vector<EmailId>> decode_emails(std::string_view octets) {
  std::vector<EmailId> result;
  RecordReader reader(octets);
  EmailId before = 0;
  while (!reader.at_end()) {
    before += static_cast<std::uint64_t>(reader.signed_number());
    result.push_back(before);
  }
  if (!reader.ok()) return fail(kDamaged, "a list of emails is damaged");
  return result;
}

std::string ChangeRecord::encode() const {
  std::string out = versioned();
  for (const Change& item : items) {
    out.push_back(static_cast<char>(item.kind));
    put_number(out, item.mailbox);
    std::string uids;
    item.uids.encode(uids);
    put_octets(out, uids);
    const std::string emails = encode_emails(item.emails);
    put_octets(out, out.size() + emails.size() <= kSizeMax ? emails : std::string());
  }
  return out;
}

Result<ChangeRecord> ChangeRecord::decode(Modseq modseq, std::string_view octets) {
  RecordReader reader = open_record(octets);
  ChangeRecord result;
  while (!reader.at_end()) {
    Change& item = result.items.emplace_back();
    item.modseq = modseq;
    item.kind = static_cast<Change::Kind>(reader.number_up_to(static_cast<std::uint64_t>(Change::Kind::mailbox)));
    item.mailbox = static_cast<MailboxId>(reader.number_up_to(UINT32_MAX));
    item.uids = TRY(UidSet::decode(reader.octets()));
    item.emails = TRY(decode_emails(reader.octets()));
  }
  TRY(whole(reader, "a change"));
  return result;
}

std::string encode_number(std::uint64_t number) {
  std::string out;
  put_number(out, number);
  return out;
}

Result<std::uint64_t> decode_number(std::string_view octets) {
  RecordReader reader(octets);
  const std::uint64_t result = reader.number();
  TRY(whole(reader, "a number"));
  return result;
}

namespace {

/// Which ready texts an email record has.
enum class Ready : std::uint8_t { none, one_form, both_forms };
/// In the same number: an ASCII size follows.
constexpr std::uint64_t kAsciiSize = 4;
/// And: references follow the size. Records written before there were any have none.
constexpr std::uint64_t kReferences = 8;

/// And: a preview follows these. Likewise.
constexpr std::uint64_t kPreview = 16;

/// And: an origin follows these. Likewise.
constexpr std::uint64_t kOrigin = 32;

std::array<const std::string_view*, 3> parts_of(const ReadyTexts& texts) {
  return {&texts.envelope, &texts.body, &texts.body_structure};
}

ReadyTexts read_texts(RecordReader& reader) {
  ReadyTexts texts;
  texts.envelope = reader.octets();
  texts.body = reader.octets();
  texts.body_structure = reader.octets();
  return texts;
}

/// The texts and sizes at a record's end.
void put_learnt(std::string& out, const EmailView& email) {
  const bool same = email.utf8 == ReadyTexts() || email.utf8 == email.ascii;
  const Ready ready = !email.ready ? Ready::none : same ? Ready::one_form : Ready::both_forms;
  put_number(out, static_cast<std::uint64_t>(ready) | (email.ascii_size ? kAsciiSize : 0) |
                      (email.references ? kReferences : 0) | (email.preview ? kPreview : 0) |
                      (email.origin ? kOrigin : 0));
  if (email.ascii_size) put_number(out, *email.ascii_size);
  if (email.references) put_octets(out, *email.references);
  if (email.preview) put_octets(out, *email.preview);
  if (email.origin) put_number(out, email.origin->account);
  if (email.origin) put_number(out, email.origin->email);
  if (ready != Ready::none)
    for (const std::string_view* text : parts_of(email.ascii)) put_octets(out, *text);
  if (ready == Ready::both_forms)
    for (const std::string_view* text : parts_of(email.utf8)) put_octets(out, *text);
}

void read_learnt(RecordReader& reader, EmailView& email) {
  const std::uint64_t what = reader.number_up_to(kOrigin | kPreview | kReferences | kAsciiSize |
                                                 static_cast<std::uint64_t>(Ready::both_forms));
  if ((what & kAsciiSize) != 0) email.ascii_size = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  if ((what & kReferences) != 0) email.references = reader.octets();
  if ((what & kPreview) != 0) email.preview = reader.octets();
  if ((what & kOrigin) != 0) {
    Origin& origin = email.origin.emplace();
    origin.account = reader.number();
    origin.email = reader.number();
  }
  const auto ready = static_cast<Ready>(what & ~(kOrigin | kPreview | kReferences | kAsciiSize));
  if (ready > Ready::both_forms) reader.broken();
  email.ready = ready != Ready::none;
  if (email.ready) email.ascii = read_texts(reader);
  email.utf8 = ready == Ready::both_forms ? read_texts(reader) : email.ascii;
}

std::size_t room_for(const EmailView& email) {
  return 128 + email.prepended.size() + email.structure.size() + 2 * email.ascii.envelope.size() +
         2 * email.ascii.body_structure.size() + email.sealed.size();
}

}  // namespace

std::string encode_email(const EmailView& email) {
  std::string out(1, email.sealed.empty() ? kVersion : kSealedVersion);
  out.reserve(room_for(email));
  const auto ref = email.body.encode();
  out.append(ref.data(), ref.size());
  put_number(out, email.thread);
  put_signed(out, email.received);
  put_number(out, email.size);
  if (!email.sealed.empty()) {
    put_octets(out, email.thread_keys);
    return out.append(email.sealed);
  }
  for (const std::string_view octets : {email.prepended, email.structure, email.presentation, email.thread_keys})
    put_octets(out, octets);
  put_learnt(out, email);
  return out;
}

std::string encode_private(const EmailView& email) {
  std::string out;
  // No copies of the key are left behind by growing.
  out.reserve(room_for(email) + email.body_key.size() + email.presentation.size() + email.utf8.envelope.size() +
              email.utf8.body.size() + email.utf8.body_structure.size() + email.ascii.body.size() +
              email.references.value_or("").size() + email.preview.value_or("").size());
  for (const std::string_view octets : {email.body_key, email.prepended, email.structure, email.presentation})
    put_octets(out, octets);
  put_learnt(out, email);
  return out;
}

Result<> decode_private(std::string_view octets, EmailView& email) {
  RecordReader reader(octets);
  for (std::string_view* part : {&email.body_key, &email.prepended, &email.structure, &email.presentation})
    *part = reader.octets();
  read_learnt(reader, email);
  TRY(whole(reader, "an email"));
  const bool plain = email.body_key.empty();
  if (!plain && (email.body_key.size() != keyring::kKeyOctets || !keyring::plain_size(email.body.length)))
    return fail(kDamaged, "the body of an email cannot be sealed so");
  return {};
}

Result<EmailView> decode_email(EmailId id, std::string_view record) {
  RecordReader reader(record);
  const auto version = static_cast<char>(reader.octet());
  if (version != kVersion && version != kSealedVersion) reader.broken();
  EmailView result;
  result.id = id;
  const auto ref = store::BodyRef::decode(reader.take(store::BodyRef::kSize));
  result.thread = reader.number();
  result.received = reader.signed_number();
  result.size = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  if (version == kSealedVersion) {
    result.thread_keys = reader.octets();
    result.sealed = reader.take(reader.rest().size());
    if (result.sealed.empty()) reader.broken();
  } else {
    for (std::string_view* octets : {&result.prepended, &result.structure, &result.presentation, &result.thread_keys})
      *octets = reader.octets();
    read_learnt(reader, result);
  }
  if (!ref) return fail(kDamaged, "a record of an email is damaged");
  TRY(whole(reader, "an email"));
  result.body = *ref;
  return result;
}

std::uint64_t Email::piece_from(std::uint64_t offset) const {
  const std::uint64_t front = view_.prepended.size();
  const std::uint64_t in_body = offset - std::min(offset, front);
  return front + (in_body / kPieceOctets + 1) * kPieceOctets - offset;
}

Result<std::shared_ptr<const Email>> Email::make(EmailId id, std::string record) {
  auto email = std::make_shared<Email>(std::move(record));
  email->view_ = TRY(decode_email(id, email->record_));
  if (!email->view_.sealed.empty()) return fail(keyring::kNoServerKey, "mail is sealed, and there are no keys");
  email->presentation_ = email->view_.presentation.empty() ? Presentation(email->view_.body.length)
                                                           : TRY(Presentation::decode(email->view_.presentation));
  return email;
}

}  // namespace angarium::mailbox
