#include "fetch/record.h"

#include "store/codec.h"
#include "store/keys.h"

namespace angarium::fetch {
namespace {

using store::put_number;
using store::put_octets;
using store::put_signed;
using store::RecordReader;

constexpr std::uint8_t kVersion = 1;
/// Of a box: the first had the password as it is.
constexpr std::uint8_t kBoxVersion = 2;
/// Of a box that has a token's file instead of a password: the file stands at the end.
constexpr std::uint8_t kTokenVersion = 3;
/// Of a box that has tickets or wants a layer: whether the password is sealed, and the others, stand at the end.
constexpr std::uint8_t kLayerVersion = 4;
/// Of a folder: the first had nothing that is owed.
constexpr std::uint8_t kFolderVersion = 2;

std::unexpected<Error> damaged(std::string_view what) {
  return fail(kDamagedRecord, "a fetch record is damaged: " + std::string(what));
}

store::KeyWriter key_of(char kind, BoxId id) {
  store::KeyWriter key;
  key.u8(kKeyOctet).u8(static_cast<std::uint8_t>(kind)).u64(id);
  return key;
}

template <class T>
T member(RecordReader& reader, T last) {
  return static_cast<T>(reader.number_up_to(static_cast<std::uint64_t>(last)));
}

}  // namespace

std::string box_key(BoxId id) { return key_of('B', id).key(); }
std::string progress_key(BoxId id) { return key_of('P', id).key(); }
std::string mark_prefix(BoxId id) { return key_of('U', id).key(); }
std::string mark_key(BoxId id, std::string_view unique_id) { return key_of('U', id).rest(unique_id).key(); }
std::string folder_key(BoxId id, std::string_view folder) { return key_of('F', id).rest(folder).key(); }
std::string folder_prefix(BoxId id) { return key_of('F', id).key(); }
std::string pin_key(BoxId id) { return key_of('K', id).key(); }
std::string boxes_prefix() { return {static_cast<char>(kKeyOctet), 'B'}; }

std::string behind(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty()) ++prefix.back();
  return prefix;
}

namespace {

/// What the password is for: sealed for one server it opens for no other.
std::string about(const Box& box) {
  std::string out = "angarium fetch box";
  put_number(out, box.id);
  put_number(out, static_cast<std::uint64_t>(box.protocol));
  put_octets(out, box.host);
  put_number(out, box.port);
  put_octets(out, box.user);
  return out;
}

}  // namespace

Result<std::string> encode(const Box& box, const Seal* seal, Random& random) {
  const bool token = !box.token_file.empty();
  const bool layer = !box.tickets.empty() || box.layer != sasl::Protection::none;
  const bool plain = token || !box.tickets.empty() || (box.sealed.empty() && seal == nullptr);
  std::string password = box.password;
  if (!box.sealed.empty()) {
    password = box.sealed;
  } else if (!plain) {
    password = TRY(seal->seal(box.password, about(box), random));
  }
  const std::uint8_t version = layer ? kLayerVersion : token ? kTokenVersion : plain ? kVersion : kBoxVersion;
  std::string out(1, static_cast<char>(version));
  put_number(out, box.id);
  put_number(out, box.account);
  put_octets(out, box.address);
  put_octets(out, box.name);
  put_number(out, static_cast<std::uint64_t>(box.protocol));
  put_octets(out, box.host);
  put_number(out, box.port);
  put_number(out, static_cast<std::uint64_t>(box.tls));
  put_number(out, static_cast<std::uint64_t>(box.certificate));
  put_octets(out, box.user);
  put_octets(out, password);
  put_number(out, box.folders.size());
  for (const std::string& folder : box.folders) put_octets(out, folder);
  put_octets(out, box.into);
  put_number(out, static_cast<std::uint64_t>(box.every.count()));
  put_number(out, static_cast<std::uint64_t>(box.watching));
  put_number(out, box.remove_after ? std::uint64_t{*box.remove_after} + 1 : 0);
  put_number(out, static_cast<std::uint64_t>(box.pause));
  if (layer) {
    put_number(out, plain ? 0 : 1);
    put_octets(out, box.tickets);
    put_number(out, static_cast<std::uint64_t>(box.layer));
  }
  if (token) put_octets(out, box.token_file);
  return out;
}

Result<Box> decode_box(std::string_view octets, const Seal* seal) {
  RecordReader reader(octets);
  const std::uint8_t version = reader.octet();
  if (version < kVersion || version > kLayerVersion) return damaged("a box");
  Box box;
  box.id = reader.number();
  box.account = reader.number();
  box.address = reader.octets();
  box.name = reader.octets();
  box.protocol = member(reader, Protocol::odmr);
  box.host = reader.octets();
  box.port = static_cast<std::uint16_t>(reader.number_up_to(65535));
  box.tls = member(reader, Tls::none);
  box.certificate = member(reader, Certificate::any);
  box.user = reader.octets();
  box.password = reader.octets();
  const auto folders = reader.number_up_to(kFoldersMax);
  for (std::uint64_t i = 0; i < folders && reader.ok(); ++i) box.folders.emplace_back(reader.octets());
  box.into = reader.octets();
  box.every = std::chrono::seconds(reader.number_up_to(std::chrono::seconds(kEveryMax).count()));
  box.watching = member(reader, Watching::idles);
  if (const auto days = reader.number_up_to(std::uint64_t{UINT32_MAX} + 1); days > 0)
    box.remove_after = static_cast<std::uint32_t>(days - 1);
  box.pause = member(reader, Pause::refused);
  bool sealed = version == kBoxVersion;
  if (version == kLayerVersion) {
    sealed = reader.number_up_to(1) == 1;
    box.tickets = reader.octets();
    box.layer = member(reader, sasl::Protection::confidentiality);
    // Each says something, or it were another version; tickets come without a password.
    if (box.tickets.empty() ? box.layer == sasl::Protection::none : sealed || !box.password.empty())
      return damaged("a box");
  }
  if (version == kTokenVersion) box.token_file = reader.octets();
  if (!reader.ok() || (version == kTokenVersion && box.token_file.empty())) return damaged("a box");
  if (!sealed) return box;
  box.sealed = std::move(box.password);
  box.password.clear();
  // A box whose password does not open is there all the same, for somebody to give it anew.
  if (seal == nullptr) return box;
  if (auto opened = seal->open(box.sealed, about(box))) {
    box.password = *std::move(opened);
    box.sealed.clear();
  }
  return box;
}

std::string encode(const Progress& progress) {
  std::string out(1, static_cast<char>(kVersion));
  put_signed(out, progress.last_run.microseconds);
  put_signed(out, progress.last_success.microseconds);
  put_signed(out, progress.next.microseconds);
  put_number(out, progress.messages);
  put_number(out, progress.passed_over);
  put_number(out, progress.failures);
  put_octets(out, std::string_view(progress.error).substr(0, kErrorMax));
  return out;
}

Result<Progress> decode_progress(std::string_view octets) {
  RecordReader reader(octets);
  if (reader.octet() != kVersion) return damaged("progress");
  Progress progress;
  progress.last_run.microseconds = reader.signed_number();
  progress.last_success.microseconds = reader.signed_number();
  progress.next.microseconds = reader.signed_number();
  progress.messages = reader.number();
  progress.passed_over = reader.number();
  progress.failures = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  progress.error = reader.octets();
  if (!reader.ok()) return damaged("progress");
  return progress;
}

std::string encode(const Mark& mark) {
  std::string out(1, static_cast<char>(kVersion));
  put_signed(out, mark.at.microseconds);
  put_number(out, mark.passed_over ? 1 : 0);
  return out;
}

Result<Mark> decode_mark(std::string_view octets) {
  RecordReader reader(octets);
  if (reader.octet() != kVersion) return damaged("a mark");
  Mark mark;
  mark.at.microseconds = reader.signed_number();
  mark.passed_over = reader.number_up_to(1) == 1;
  if (!reader.ok()) return damaged("a mark");
  return mark;
}

std::string encode(const Pin& pin) {
  std::string out(1, static_cast<char>(kVersion));
  put_octets(out, pin.known);
  put_octets(out, pin.refused);
  return out;
}

Result<Pin> decode_pin(std::string_view octets) {
  RecordReader reader(octets);
  if (reader.octet() != kVersion) return damaged("a key");
  Pin pin;
  pin.known = reader.octets();
  pin.refused = reader.octets();
  if (!reader.ok()) return damaged("a key");
  return pin;
}

std::string encode(const FolderState& folder) {
  std::string out(1, static_cast<char>(kFolderVersion));
  put_number(out, folder.uid_validity);
  put_number(out, folder.last);
  put_number(out, folder.passed_over.size());
  for (const std::uint32_t uid : folder.passed_over) put_number(out, uid);
  put_number(out, folder.owed.size());
  for (const Owed& owed : folder.owed) {
    put_number(out, owed.uid);
    put_number(out, owed.refusals);
    put_signed(out, owed.next.microseconds);
  }
  return out;
}

Result<FolderState> decode_folder(std::string_view octets) {
  RecordReader reader(octets);
  const std::uint8_t version = reader.octet();
  if (version != kVersion && version != kFolderVersion) return damaged("a folder");
  FolderState folder;
  folder.uid_validity = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  folder.last = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
  const auto count = reader.number_up_to(kPassedOverMax);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i)
    folder.passed_over.push_back(static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX)));
  const auto owed = version == kVersion ? 0 : reader.number_up_to(kPassedOverMax);
  for (std::uint64_t i = 0; i < owed && reader.ok(); ++i) {
    Owed one;
    one.uid = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
    one.refusals = static_cast<std::uint32_t>(reader.number_up_to(UINT32_MAX));
    one.next.microseconds = reader.signed_number();
    folder.owed.push_back(one);
  }
  if (!reader.ok()) return damaged("a folder");
  return folder;
}

}  // namespace angarium::fetch
