package peer;

import com.helger.phase4.model.error.EEbmsError;

/** A check that a message failed: it becomes one ebMS error signal. */
final class Refusal extends Exception {
  private static final long serialVersionUID = 1;

  final EEbmsError error;

  /** Text of the ErrorDetail. */
  final String detail;

  /** <em>description</em> may be null: then the error's own is used. */
  Refusal(EEbmsError error, String description, String detail) {
    super(description);
    this.error = error;
    this.detail = detail;
  }

  Refusal(EEbmsError error, String detail) {
    this(error, null, detail);
  }
}
