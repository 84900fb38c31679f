#include "cage/message.h"

#include <utility>

#include "cage/coding.h"

namespace angarium::cage {
namespace {

std::unexpected<Error> malformed() { return fail(kMalformed, "the octets are no message of the steward's"); }

/// Octets of a path of the host (PATH_MAX).
constexpr std::size_t kPathMax = 4096;

// --- requests -------------------------------------------------------------------------------------------------------

struct RequestWriter {
  Writer& to;
  void operator()(const FindUser& one) const { to.text(one.name); }
  void operator()(const CheckPassword& one) const {
    to.text(one.name).text(one.remote).reserve(4 + one.password.view().size()).text(one.password.view());
  }
  void operator()(const ReadForward& one) const { to.text(one.name); }
  void operator()(const Deliver& one) const {
    to.text(one.name).text(one.target).choice(one.chosen).flag(!one.reverse_path.null());
    if (!one.reverse_path.null()) to.text(one.reverse_path.mailbox->local_part).text(one.reverse_path.mailbox->domain);
    to.text(one.recipient.local_part).text(one.recipient.domain).text(one.extension);
    to.number(one.received.microseconds);
  }
  void operator()(const Attend& one) const { to.text(one.name).text(one.place).text(one.spool_file); }
};

Attend read_attend(Reader& from) {
  Attend one{.name = from.text(kUserNameMax), .place = from.text(kRequestMax), .spool_file = {}};
  one.spool_file = from.text(kPathMax);
  return one;
}

Request read_request(std::size_t kind, Reader& from) {
  if (kind == 0) return FindUser{from.text(kUserNameMax)};
  if (kind == 1) {
    CheckPassword one{.name = from.text(kUserNameMax), .password = {}, .remote = from.text(kUserNameMax)};
    one.password = sasl::Secret::copy(from.view(kRequestMax));
    return one;
  }
  if (kind == 2) return ReadForward{from.text(kUserNameMax)};
  if (kind == 4) return read_attend(from);
  Deliver one{.name = from.text(kUserNameMax), .target = from.text(kPathMax)};
  one.chosen = from.choice(Deliver::Chosen::by_user);
  if (from.flag())
    one.reverse_path.mailbox =
        envelope::Mailbox{.local_part = from.text(kRequestMax), .domain = from.text(kRequestMax)};
  one.recipient.local_part = from.text(kRequestMax);
  one.recipient.domain = from.text(kRequestMax);
  one.extension = from.text(kRequestMax);
  one.received.microseconds = from.number<std::int64_t>();
  return one;
}

// --- answers --------------------------------------------------------------------------------------------------------

void write_user(Writer& to, const User& user) {
  to.text(user.name).number(user.uid).number(user.gid).text(user.home).text(user.full_name);
}
User read_user(Reader& from) {
  User user;
  user.name = from.text(kUserNameMax);
  user.uid = from.number<uid_t>();
  user.gid = from.number<gid_t>();
  user.home = from.text(kPathMax);
  user.full_name = from.text(kPathMax);
  return user;
}

void write_file(Writer& to, const ForwardFile& file) {
  const alias::FileStatus& status = file.status;
  to.text(file.path).choice(file.state).flag(status.regular).number(status.owner);
  to.number(status.mode).number(status.size).number(status.changed_ns).number(status.inode).number(status.device);
  to.text(file.text);
}
ForwardFile read_file(Reader& from) {
  ForwardFile file;
  file.path = from.text(kPathMax);
  file.state = from.choice(ForwardFile::State::unreadable);
  file.status.regular = from.flag();
  file.status.owner = from.number<std::uint32_t>();
  file.status.mode = from.number<std::uint32_t>();
  file.status.size = from.number<std::uint64_t>();
  file.status.changed_ns = from.number<std::int64_t>();
  file.status.inode = from.number<std::uint64_t>();
  file.status.device = from.number<std::uint64_t>();
  file.text = from.text(kAnswerMax);
  return file;
}

struct AnswerWriter {
  Writer& to;
  void operator()(const UserFound& one) const {
    to.flag(one.user.has_value());
    if (one.user) write_user(to, *one.user);
  }
  void operator()(const PasswordChecked& one) const { to.choice(one.verdict); }
  void operator()(const ForwardRead& one) const {
    to.flag(one.forward.has_value());
    if (!one.forward) return;
    write_user(to, one.forward->user);
    to.number(static_cast<std::uint32_t>(one.forward->files.size()));
    for (const ForwardFile& file : one.forward->files) write_file(to, file);
  }
  void operator()(const Delivered& one) const {
    const message::StatusCode status = one.outcome.status;
    to.number(status.class_code).number(status.subject).number(status.detail).text(one.outcome.words);
  }
  void operator()(const Failed& one) const { to.text(one.words); }
  void operator()(const Attending& one) const { write_user(to, one.user); }
};

Answer read_answer(std::size_t kind, Reader& from) {
  if (kind == 0) return UserFound{from.flag() ? std::optional(read_user(from)) : std::nullopt};
  if (kind == 1) return PasswordChecked{from.choice(Verdict::wrong)};
  if (kind == 2) {
    ForwardRead read;
    if (!from.flag()) return read;
    read.forward.emplace().user = read_user(from);
    for (auto left = from.number<std::uint32_t>(); left > 0 && from.ok(); --left)
      read.forward->files.push_back(read_file(from));
    return read;
  }
  if (kind == 3) {
    Delivered delivered;
    delivered.outcome.status.class_code = from.number<std::uint16_t>();
    delivered.outcome.status.subject = from.number<std::uint16_t>();
    delivered.outcome.status.detail = from.number<std::uint16_t>();
    delivered.outcome.words = from.text(kAnswerMax);
    return delivered;
  }
  if (kind == 5) return Attending{read_user(from)};
  return Failed{from.text(kAnswerMax)};
}

}  // namespace

std::string encode(const Request& request) {
  Writer writer(request.index());
  std::visit(RequestWriter{writer}, request);
  return writer.take();
}

std::optional<std::size_t> request_kind(std::string_view octets) {
  if (octets.size() < 2 || octets.size() > kRequestMax || octets[0] != kCodingVersion) return std::nullopt;
  const auto kind = static_cast<std::size_t>(static_cast<unsigned char>(octets[1]));
  return kind < kRequestKinds ? std::optional(kind) : std::nullopt;
}

Result<Request> decode_request(std::string_view octets) {
  const auto kind = request_kind(octets);
  if (!kind) return malformed();
  Reader reader(octets);
  reader.number<char>();
  Request request = read_request(*kind, reader);
  if (!reader.end()) return malformed();
  return request;
}

std::string encode(const Answer& answer) {
  Writer writer(answer.index());
  std::visit(AnswerWriter{writer}, answer);
  return writer.take();
}

Result<Answer> decode_answer(std::string_view octets) {
  Reader reader(octets);
  const auto kind = reader.number<std::uint8_t>();
  if (!reader.ok() || kind >= std::variant_size_v<Answer>) return malformed();
  Answer answer = read_answer(kind, reader);
  const auto* const delivered = std::get_if<Delivered>(&answer);
  const auto status_class = delivered == nullptr ? 2 : delivered->outcome.status.class_code;
  if (!reader.end() || (status_class != 2 && status_class != 4 && status_class != 5)) return malformed();
  return answer;
}

}  // namespace angarium::cage
