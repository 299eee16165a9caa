"""TensorFlow: a tape records, and what is not on it has no gradient."""

NAME = "TensorFlow"
PACKAGES = ("tensorflow", "tensorflow-cpu")


def detach_untouched():
    import tensorflow as tf

    a = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        out = tf.sigmoid(a)
        c = tf.stop_gradient(out)
    return tape.gradient(out, a)


def backward_through_detached():
    import tensorflow as tf

    a = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        c = tf.stop_gradient(tf.sigmoid(a))
    return tape.gradient(c, a)


def detach_then_zero():
    import tensorflow as tf

    a = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        out = tf.sigmoid(a)
        c = tf.stop_gradient(out)
    c[:] = 0.0
    return tape.gradient(out, a)


def detach_inplace_before():
    import tensorflow as tf

    x = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        m = tf.sigmoid(x)
        y = m * 2
        m = tf.stop_gradient(m)
    return tape.gradient(y, x)


def detach_inplace_after():
    import tensorflow as tf

    x = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        m = tf.stop_gradient(tf.sigmoid(x))
        y = m * 2
    return tape.gradient(y, x)


def straight_through():
    import tensorflow as tf

    x = tf.Variable([0.3, 1.2, 2.6])
    with tf.GradientTape() as tape:
        y = x + tf.stop_gradient(tf.round(x) - x)
    return tape.gradient(y, x)


def zero_is_a_gradient():
    import tensorflow as tf

    encoder, head = tf.Variable([1.0]), tf.Variable([1.0])
    optimizer = tf.keras.optimizers.AdamW(learning_rate=0.1, weight_decay=0.1)
    with tf.GradientTape() as tape:
        h = tf.stop_gradient(encoder * 2)
        loss = tf.reduce_sum(head * h)
    grads = tape.gradient(loss, [encoder, head])
    optimizer.apply_gradients(zip(grads, [encoder, head]))
    return grads[0], encoder
