// The mbox formats, read and written as streams of octets; files, locks and the moving of octets are the caller's.
//
// All of them are messages behind separator lines ("From sender date"), each closed by a blank line. They differ in
// what keeps a line of a message from looking like a separator (RFC 4155 appendix A describes the first two together):
//   mboxo    lines that begin "From " get a '>'; ">From " does not, so reading may take one '>' too many
//   mboxrd   lines of any number of '>' and "From " get one more: exact
//   mboxcl   as mboxo, and Content-Length tells the octets of the body as it stands in the file
//   mboxcl2  Content-Length alone; nothing is quoted
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "message/box_state.h"
#include "message/mbox_separator.h"

namespace angarium::message {

enum class MboxVariant : std::uint8_t { mboxo, mboxrd, mboxcl, mboxcl2 };
enum class MboxLineEnds : std::uint8_t {
  kept,        ///< octets as they are
  translated,  ///< reader: a bare LF becomes CR LF; writer: CR LF becomes LF
};
/// What happens to the fields of box_state.h in a message's header.
enum class MboxStateFields : std::uint8_t {
  kept,      ///< they stay where they are (Content-Length and Lines are replaced in mboxcl and mboxcl2 all the same)
  replaced,  ///< reader: they are taken out; writer: the message's own are dropped and those of the state written
};
/// Which fields of box_state.h tell what a message's state is.
enum class MboxStateTold : std::uint8_t {
  by_all,     ///< every one that some mail program writes
  by_status,  ///< those that a box is written anew with: not Mozilla's, and X-IMAPbase without X-IMAP
};

struct MboxReadOptions {
  MboxVariant variant = MboxVariant::mboxrd;
  MboxLineEnds line_ends = MboxLineEnds::translated;
  MboxStateFields state_fields = MboxStateFields::replaced;
  MboxSeparators separators = MboxSeparators::dated;
  MboxStateTold state_told = MboxStateTold::by_all;
};

/// Octets that are asked for with MboxStep::Kind::probe: the end of a body, two line ends and a separator.
inline constexpr std::size_t kMboxProbeOctets = 1 + 4 + kMboxSeparatorMax + 2;

struct MboxStep {
  enum class Kind : std::uint8_t {
    need_input,   ///< all input was taken: give more, or call finish() when there is none
    message,      ///< a message begins: separator() is new
    probe,        ///< answer with probed(): what stands at probe_offset()
    octets,       ///< the next octets of the message, to be used before the next call
    message_end,  ///< the message is whole: state() is what its header said
    end,          ///< after finish(): there is nothing more
  };
  Kind kind = Kind::need_input;
  std::string_view octets;
};

/// Splits an mbox file into its messages. Fed with cuts of any size; they make no difference. What stands before the
/// first separator is skipped. A blank line before a separator or the end closes the message and is not part of it.
/// Holds a beginning of a line, at most kMboxSeparatorMax octets, and a value of kBoxFieldMax; never fails. Linear.
/// Give the file without its internal data (MboxInternalData). Not for two threads at once.
class MboxReader {
 public:
  /// `offset`: where in the file the first octet that is fed stands; for probe_offset().
  explicit MboxReader(MboxReadOptions options = {}, std::uint64_t offset = 0) : options_(options), offset_(offset) {}

  /// The next step; takes octets from the front of `input`. Octets of a step are views into `input` or into the reader.
  MboxStep next(std::string_view& input);
  /// No more input will come: next() goes on with an empty one until Kind::end.
  void finish() { finished_ = true; }

  [[nodiscard]] const MboxSeparator& separator() const { return separator_; }
  /// Of the message; whole after its header.
  [[nodiscard]] const BoxState& state() const { return state_; }
  /// Octets before the first separator, that belong to no message. All of them when the file is no mbox.
  [[nodiscard]] std::uint64_t skipped() const { return skipped_; }

  /// Where the octet before the end of the body stands, if Content-Length tells the truth (its first octet, if it is
  /// 0).
  [[nodiscard]] std::uint64_t probe_offset() const;
  /// The octets from there, kMboxProbeOctets or all that the file has; nothing when they cannot be had (a pipe): then,
  /// and when neither a separator nor the end follows, the body goes on to the next separator instead.
  void probed(std::optional<std::string_view> octets);

 private:
  enum class State : std::uint8_t { outside, line_start, text, field, field_line_start, closing };
  enum class Verdict : std::uint8_t { undecided, text, blank, field, quoted, separator };

  MboxStep step(std::string_view& input);
  MboxStep skip_to_message(std::string_view& input);
  MboxStep line_start(std::string_view& input);
  MboxStep quote_marks(std::string_view& input);
  MboxStep decided(Verdict verdict);
  MboxStep blank_line();
  MboxStep text(std::string_view& input);
  MboxStep field(std::string_view& input);
  MboxStep field_line_start(std::string_view& input);
  MboxStep closing(std::string_view& input);
  MboxStep at_end();
  MboxStep trusted_end();
  MboxStep begin_message(std::optional<MboxSeparator> separator);
  MboxStep emit(std::string_view octets);
  MboxStep emit_held(std::string_view line);
  [[nodiscard]] Verdict judge() const;
  [[nodiscard]] bool unquotes() const { return options_.variant != MboxVariant::mboxcl2; }
  [[nodiscard]] bool may_begin_line_of_interest(const char* at, const char* end) const;
  [[nodiscard]] const char* run_end(const char* begin, const char* end);
  [[nodiscard]] std::optional<MboxSeparator> separator_of(std::string_view line) const {
    return mbox_separator_of(line, options_.separators);
  }
  [[nodiscard]] bool body_ends_there(std::string_view octets) const;
  void end_field();

  MboxReadOptions options_;
  std::uint64_t offset_;
  std::uint64_t skipped_ = 0;
  std::uint64_t body_left_ = 0;  // of a trusted Content-Length
  State state_now_ = State::outside;
  bool finished_ = false;
  bool in_message_ = false;
  bool in_header_ = false;
  bool trusted_ = false;    // the body's end is known
  bool after_cr_ = false;   // the last octet given out was CR
  std::string_view blank_;  // a blank line that may close the message
  std::string line_;        // the beginning of a line, undecided
  std::string out_;         // what the last step gave
  std::string value_;       // of the field
  std::optional<BoxField> field_;
  std::optional<MboxStep::Kind> pending_;
  MboxSeparator separator_;
  MboxSeparator next_separator_;
  BoxState state_;
};

/// Octets of the internal data that are looked at; c-client writes some 500 and the keywords of the folder.
inline constexpr std::size_t kMboxInternalDataMax = std::size_t{64} * 1024;

/// The pseudo message that c-client (pine, UW IMAP) and Dovecot keep in front of a file: recognised by its sender
/// MAILER-DAEMON, a field X-IMAP and its subject. It is no message and must not be shown, but stand first in the file
/// as it is when the file is written anew. Not for two threads at once.
class MboxInternalData {
 public:
  enum class Verdict : std::uint8_t { undecided, absent, present };
  /// Feed it the beginning of the file until it decides; after the last octets call finish().
  Verdict feed(std::string_view octets);
  Verdict finish();
  /// When present: the octets of the pseudo message with its separator and closing line. Else empty.
  [[nodiscard]] std::string_view octets() const;
  /// All that was fed, from the start of the file: what follows octets() is for MboxReader.
  [[nodiscard]] std::string_view fed() const { return held_; }
  /// UIDs and keywords of the whole file, when present.
  [[nodiscard]] const std::optional<MboxBase>& base() const { return base_; }

 private:
  enum class FilePart : std::uint8_t { separator, header, body };
  Verdict look();
  [[nodiscard]] bool header_is_internal(std::string_view header);
  std::string held_;
  std::size_t looked_ = 0;  // octets that were searched for a line end
  std::size_t line_begin_ = 0;
  std::size_t header_begin_ = 0;
  std::size_t size_ = 0;
  FilePart part_ = FilePart::separator;
  bool after_blank_ = false;
  Verdict verdict_ = Verdict::undecided;
  std::optional<MboxBase> base_;
};

/// Tells the variant by a file's content, in one pass and without looking ahead. Not for two threads at once.
class MboxDetector {
 public:
  /// Feed it the file or its first part, in pieces of any size.
  void feed(std::string_view octets);
  /// By what was fed so far; nothing when it does not begin with a separator. mboxcl2 or mboxcl when the
  /// Content-Length of most messages that have a follower is true: mboxcl2 when bodies hold lines "From ", or none
  /// that is quoted. Else mboxo when bodies hold such lines next to quoted ones (another writer would have quoted
  /// them), and mboxrd, which reads files without ">>From " as mboxo does.
  [[nodiscard]] std::optional<MboxVariant> variant() const;

 private:
  void line();
  void body_line(std::string_view text);
  void begin_message();
  [[nodiscard]] bool body_ends(std::uint64_t at) const;
  std::string line_;  // its first kMboxSeparatorMax + 2 octets
  std::uint64_t offset_ = 0;
  std::uint64_t line_begin_ = 0;
  std::uint64_t line_ends_ = 0;  // octets of the line ends right before this line
  std::optional<std::uint64_t> length_;
  std::optional<std::uint64_t> body_end_;
  std::uint64_t lengths_true_ = 0;
  std::uint64_t lengths_wrong_ = 0;
  std::uint64_t plain_ = 0;
  std::uint64_t plain_within_ = 0;  // before a body's promised end, undecided
  std::uint64_t quoted_ = 0;
  bool is_mbox_ = false;
  bool after_blank_ = false;
  bool in_header_ = false;
};

struct MboxWriteOptions {
  MboxVariant variant = MboxVariant::mboxrd;
  MboxLineEnds line_ends = MboxLineEnds::translated;
  MboxStateFields state_fields = MboxStateFields::replaced;
};

/// Octets and lines of a body as they stand in the file.
struct MboxBody {
  std::uint64_t octets = 0;
  std::uint64_t lines = 0;
};

/// Writes one message so that it can be appended to a file that is empty or ends with a closed message:
///
///   out += writer.begin(sender, date, state);
///   while (!message.empty()) out += writer.take(message);
///   out += writer.finish();
///
/// The cuts of the message make no difference. mboxcl and mboxcl2 need the body's size first: run one writer over
/// the message, dropping what it gives, and hand its body() to begin() of another. What is written, MboxReader gives
/// back octet for octet (mboxo and mboxcl: but for lines that began ">From "), a missing last line end added; with
/// translated line ends, for messages whose lines end with CR LF. Not for two threads at once.
class MboxWriter {
 public:
  explicit MboxWriter(MboxWriteOptions options = {}) : options_(options) {}

  /// The separator line. `state` is written with MboxStateFields::replaced only; its lengths are not used.
  std::string begin(std::string_view sender, const DateTime& date, const BoxState& state = {}, MboxBody body = {});
  /// The next octets for those it takes from the front of `message`: views into it or into the writer, to be used
  /// before the next call.
  std::string_view take(std::string_view& message);
  /// The rest: a missing line end and the closing blank line.
  std::string_view finish();
  /// After finish().
  [[nodiscard]] MboxBody body() const { return body_; }

 private:
  enum class State : std::uint8_t { line_start, marks, text, dropped, dropped_line_start };
  [[nodiscard]] bool has_length() const {
    return options_.variant == MboxVariant::mboxcl || options_.variant == MboxVariant::mboxcl2;
  }
  [[nodiscard]] bool quotes() const { return options_.variant != MboxVariant::mboxcl2; }
  [[nodiscard]] bool drops(BoxField field) const;
  [[nodiscard]] bool may_begin_line_of_interest(char first) const;
  std::string_view line_start(std::string_view& message);
  std::string_view text(std::string_view& message);
  std::string_view dropped(std::string_view& message);
  std::string_view held_line();
  std::string_view count(std::string_view octets);

  MboxWriteOptions options_;
  State state_ = State::line_start;
  bool in_header_ = true;
  bool at_line_end_ = true;  // what was given so far ends a line
  bool held_cr_ = false;     // a CR that may belong to a CR LF
  std::string fields_;
  std::string line_;
  std::string out_;
  MboxBody body_;
};

}  // namespace angarium::message
