#include "transfer/link.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace angarium::transfer {

Error Link::ended() const {
  return {kTalkEnded, "the server ended the connection; look at its log, and run this again: it goes on from there"};
}

Result<> Link::send(std::string_view frame) {
  out_ += frame;
  return out_.size() < kSendOctets ? Result<>() : flush();
}

Result<> Link::send_octets(Kind kind, std::string_view octets) {
  while (!octets.empty()) {
    const std::string_view piece = octets.substr(0, kPayloadMax);
    octets.remove_prefix(piece.size());
    TRY(send(frame(kind, piece)));
  }
  return {};
}

Result<> Link::flush() {
  std::string_view rest = out_;
  while (!rest.empty()) {
    const ssize_t sent = ::send(descriptor_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) {
      // It said why, perhaps.
      while (auto got = receive())
        if (got->kind == Kind::over) break;
      out_.clear();
      return std::unexpected(last_failure_.value_or(ended()));
    }
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
  out_.clear();
  return {};
}

Result<bool> Link::fill(Wait wait) {
  if (taken_ > 0) {
    in_.erase(0, taken_);
    taken_ = 0;
  }
  while (true) {
    const ssize_t got = ::recv(descriptor_, block_.data(), block_.size(), wait == Wait::yes ? 0 : MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got > 0) {
      in_.append(block_.data(), static_cast<std::size_t>(got));
      return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    return std::unexpected(ended());
  }
}

Result<std::optional<Link::Frame>> Link::take() {
  const std::string_view there = std::string_view(in_).substr(taken_);
  if (there.size() < kFrameHead) return std::nullopt;
  const FrameHead head = TRY(read_head(there));
  if (there.size() < kFrameHead + head.size) return std::nullopt;
  Frame taken{.kind = head.kind, .payload = std::string(there.substr(kFrameHead, head.size))};
  taken_ += kFrameHead + head.size;
  if (taken.kind != Kind::failed) return taken;
  const Failure failure = TRY(decode_failure(taken.payload));
  last_failure_ = Error(failure.temporary ? kRefusedNow : kRefused, failure.words);
  return std::unexpected(*last_failure_);
}

Result<Link::Frame> Link::receive() {
  while (true) {
    if (auto taken = TRY(take())) return *std::move(taken);
    TRY(fill(Wait::yes));
  }
}

Result<std::optional<Link::Frame>> Link::poll() {
  while (true) {
    if (auto taken = TRY(take())) return taken;
    if (!TRY(fill(Wait::no))) return std::nullopt;
  }
}

}  // namespace angarium::transfer
