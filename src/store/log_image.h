// Images: all keys of the state at one sequence, written beside the log, so that older changes need not be kept.
#pragma once

#include "store/log_segments.h"
#include "store/state.h"

namespace angarium::store {

/// The image with the greatest sequence, if there is one.
std::optional<Segment> newest_image(const Segments& segments);

/// Writes the state as the view sees it into `file`, a new segment with its header. Returns the segment as it is to be
/// sealed.
Result<Segment> write_image(State& state, const ReadView& view, File& file, Segment segment);

/// Reads an image piece by piece and verifies it; the pieces' octets are operations as in a batch.
Result<> read_image(File& file, const Segment& segment,
                    const std::function<Result<>(std::string_view operations)>& visitor);

/// Fills an empty state. Its position becomes the image's at the last step only.
Result<> load_image(Segments& segments, const Segment& image, State& state);

}  // namespace angarium::store
